// From `_HANDLER` to the function: `index.handler`, `folder/file.handler`, `file.object.method`.

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { Fault } from "./faults.mjs";

/** The handler function. Throws a Fault, or whatever the module's own code throws. */
export async function loadHandler(taskRoot, name) {
  const { folder, file, property } = splitHandler(name);
  const exported = await loadModule(taskRoot, folder, file);
  let handler = exported;
  for (const key of property.split(".")) handler = handler?.[key];
  handler ??= property.split(".").reduce((value, key) => value?.[key], exported?.default);
  if (handler === undefined) throw new Fault("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw new Fault("Runtime.HandlerNotFound", `${name} is not a function`);
  return handler;
}

function splitHandler(name) {
  if (name.includes("..")) {
    throw new Fault("Runtime.MalformedHandlerName", `'${name}' is not a valid handler name: it must not contain '..'`);
  }
  const base = path.basename(name);
  const dot = base.indexOf(".");
  if (dot < 1 || dot === base.length - 1) throw new Fault("Runtime.MalformedHandlerName", "Bad handler");
  const folder = name.slice(0, name.length - base.length);
  return { folder, file: base.slice(0, dot), property: base.slice(dot + 1) };
}

async function loadModule(taskRoot, folder, file) {
  const require = createRequire(path.join(taskRoot, "handler"));
  try {
    const found = findFile(path.resolve(taskRoot, folder, file));
    if (found && isModule(found)) return await import(pathToFileURL(found).href);
    return require(found ?? require.resolve(`./${file}`, { paths: [path.resolve(taskRoot, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault("Runtime.UserCodeSyntaxError", String(error), { cause: error });
    if (error?.code === "MODULE_NOT_FOUND") throw missingModule(error, folder + file);
    throw error;
  }
}

function missingModule(error, wanted) {
  // For the handler's own file: its name as configured, not as it was looked up.
  const message = String(error).replace(`Cannot find module './${path.basename(wanted)}'`, `Cannot find module '${wanted}'`);
  return new Fault("Runtime.ImportModuleError", message, { cause: error });
}

function findFile(withoutExtension) {
  for (const extension of ["", ".js", ".mjs", ".cjs"]) {
    const candidate = withoutExtension + extension;
    if (fs.statSync(candidate, { throwIfNoEntry: false })?.isFile()) return candidate;
  }
  return null;
}

/** Whether Node would load the file as an ECMAScript module: by its extension or the nearest package.json. */
function isModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (!file.endsWith(".js")) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")).type === "module";
    } catch (error) {
      if (error.code !== "ENOENT") return false;
    }
    if (folder === path.dirname(folder)) return false;
  }
}
