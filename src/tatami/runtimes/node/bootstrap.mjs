// The program of a Node.js function's sandbox: `node bootstrap.mjs`.

import { start } from "./runtime/process.mjs";

start(process.env);
