// Errors as the Runtime API and the log want them.
//
// The shape recorded on AWS is {errorType, errorMessage, trace: [line, ...]}.

/** An error the runtime finds itself; `name` is one of AWS's `Runtime.*` types. */
export class Fault extends Error {
  constructor(name, message, options) {
    super(message, options);
    this.name = name;
  }
}

/** Whether a thrown value can be read as an Error, also one of another realm. */
function isError(value) {
  return value instanceof Error || (value?.name && value?.message && value?.stack) !== undefined;
}

/** A thrown value as the error object that is posted. Values that are no Error give their type and their text. */
export function errorDocument(thrown) {
  try {
    if (thrown !== null && typeof thrown === "object" && isError(thrown)) {
      const trace = typeof thrown.stack === "string" ? thrown.stack.split("\n") : [];
      return { errorType: String(thrown.name), errorMessage: String(thrown.message), trace };
    }
    return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  } catch {
    return { errorType: "handled", errorMessage: "the error could not be read: a property of it throws", trace: [] };
  }
}

/** The object of the header Lambda-Runtime-Function-XRay-Error-Cause. */
export function xrayCause(document) {
  const stack = [];
  for (const line of document.trace.slice(1)) {
    const match = /^\s*at (?:(.*?) \()?(.*?):(\d+):\d+\)?$/.exec(line);
    if (match) stack.push({ path: match[2], line: Number(match[3]), label: match[1] ?? "anonymous" });
  }
  return {
    working_directory: workingDirectory(),
    exceptions: [{ type: document.errorType, message: document.errorMessage, stack }],
    paths: [...new Set(stack.map((frame) => frame.path))],
  };
}

/** What is logged of a thrown value in text: its fields and everything the program has put on it. */
export function loggedError(thrown) {
  const document = errorDocument(thrown);
  const logged = { errorType: document.errorType, errorMessage: document.errorMessage };
  if (thrown?.code !== undefined) logged.code = thrown.code;
  try {
    if (thrown !== null && typeof thrown === "object") Object.assign(logged, { ...thrown, name: undefined });
    logged.stack = document.trace;
    return JSON.stringify(logged, (_, value) => (typeof value === "bigint" ? String(value) : value));
  } catch {
    return JSON.stringify({ errorType: document.errorType, errorMessage: document.errorMessage, stack: document.trace });
  }
}

function workingDirectory() {
  try {
    return process.cwd();
  } catch {
    return ""; // the function has removed it
  }
}
