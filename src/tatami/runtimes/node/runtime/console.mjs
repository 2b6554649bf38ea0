// console.log and its like as log events: `<time>\t<request id>\t<LEVEL>\t<message>`, or a JSON object each.

import { format } from "node:util";

import { JSON_TEXT, LEVELS, TEXT } from "./log_sink.mjs";

const METHODS = { trace: "TRACE", debug: "DEBUG", info: "INFO", log: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };

/** The invocation being served, for log events. */
export const current = { requestId: undefined, tenantId: undefined };

/** Whether AWS_LAMBDA_LOG_FORMAT asks for JSON. */
export function wantsJson(environment) {
  return environment.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";
}

/** Replaces console's logging methods; those below AWS_LAMBDA_LOG_LEVEL do nothing. */
export function patchConsole(sink, environment) {
  const json = wantsJson(environment);
  const lowest = LEVELS[environment.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()] ?? (json ? LEVELS.INFO : 0);
  for (const [method, level] of Object.entries(METHODS)) {
    if (LEVELS[level] < lowest) console[method] = () => {};
    else if (json) console[method] = (...values) => sink.write(jsonEvent(level, values), level, JSON_TEXT);
    else console[method] = (...values) => sink.write(textEvent(level, values), level, TEXT);
  }
}

function textEvent(level, values) {
  return `${new Date().toISOString()}\t${current.requestId}\t${level}\t${format(...values)}`;
}

function jsonEvent(level, values) {
  const event = { timestamp: new Date().toISOString(), level, requestId: current.requestId, tenantId: current.tenantId };
  if (values.length === 1) {
    try {
      return JSON.stringify({ ...event, message: values[0] }, errorsAsObjects);
    } catch {
      return JSON.stringify({ ...event, message: format(values[0]) });
    }
  }
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify({ ...event, message: format(...values), ...(error && errorFields(error)) });
}

function errorsAsObjects(_, value) {
  return value instanceof Error ? { ...value, ...errorFields(value) } : value;
}

function errorFields(error) {
  return {
    errorType: error.name ?? error.constructor?.name,
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  };
}
