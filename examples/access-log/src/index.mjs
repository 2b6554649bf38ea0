// Parses Apache combined log lines to JSON and counts them by status and by /24 network.

import { aggregate, parseLine } from "./combined.mjs";

// {"log": text} or {"lines": [text]} → {"parsed", "bytes", "byStatus", "byNetwork", "malformed", "entries"}.
// "limit" says how many parsed entries to return (default 5): the result of a large log must stay small.
export const handler = async (event) => {
  const lines = linesOf(event);
  const limit = event.limit ?? 5;
  if (!Number.isInteger(limit) || limit < 0) {
    throw new TypeError('"limit" must be a whole number that is not negative');
  }
  const results = lines.map(parseLine);
  const entries = results.filter((entry) => entry !== null);
  const malformed = lines.flatMap((line, index) => (results[index] === null ? [index + 1] : []));
  console.log(`parsed ${entries.length} of ${lines.length} lines, malformed: ${malformed.join(", ") || "none"}`);
  return { ...aggregate(entries), malformed, entries: entries.slice(0, limit) };
};

function linesOf(event) {
  if (Array.isArray(event?.lines)) {
    return event.lines.map(String);
  }
  if (typeof event?.log === "string") {
    return event.log.replace(/\r?\n$/, "").split(/\r?\n/);
  }
  throw new TypeError('the event needs "log", a text, or "lines", a list of texts');
}
