// Where log events go: frames on the platform's descriptor, or lines on stdout.
//
// A frame is a 4-byte type, a 4-byte length, an 8-byte time (microseconds since 1970), all big-endian, and that many
// bytes of UTF-8 text. With frames process.stdout and process.stderr write their complete lines to the same
// descriptor, so that their order among console's events is kept; subprocesses use descriptors 1 and 2.

import fs from "node:fs";

const BASE_TYPE = 0xa55a0000;
export const TEXT = 3;
export const JSON_TEXT = 2;
export const LEVELS = { TRACE: 0x04, DEBUG: 0x08, INFO: 0x0c, WARN: 0x10, ERROR: 0x14, FATAL: 0x18 };
const LONGEST_UNFINISHED_LINE = 8 * 1024 * 1024; // bytes kept while waiting for the end of a line

/** Writes all of `data`, also to a descriptor that somebody has made non-blocking. */
function writeAll(fd, data) {
  let position = 0;
  while (position < data.length) {
    try {
      position += fs.writeSync(fd, data, position);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function frame(type, payload) {
  const head = Buffer.allocUnsafe(16);
  head.writeUInt32BE(type >>> 0, 0);
  head.writeUInt32BE(payload.length, 4);
  head.writeBigUInt64BE(BigInt(Date.now()) * 1000n, 8);
  return [head, payload];
}

/** Events as frames on `fd`. */
class FrameSink {
  #fd;
  #streams = [];

  constructor(fd) {
    this.#fd = fd;
    for (const name of ["stdout", "stderr"]) this.#takeOver(name);
  }

  /** One event; `text` may have several lines. */
  write(text, level, format) {
    writeAll(this.#fd, Buffer.concat(frame(BASE_TYPE | (LEVELS[level] ?? 0) | format, Buffer.from(`${text}\n`))));
  }

  /** Sends what stands in unfinished lines. */
  flush() {
    for (const stream of this.#streams) {
      if (stream.unfinished.length) writeAll(this.#fd, Buffer.concat(frame(BASE_TYPE | TEXT, stream.unfinished)));
      stream.unfinished = Buffer.alloc(0);
    }
  }

  /** Replaces the write of process.stdout or process.stderr when the function first touches it: opening them is slow. */
  #takeOver(name) {
    const original = Object.getOwnPropertyDescriptor(process, name);
    const state = { unfinished: Buffer.alloc(0) };
    this.#streams.push(state);
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => {
        const stream = original.get.call(process);
        Object.defineProperty(process, name, original);
        stream.write = (data, encoding, done) => this.#writeLines(state, data, encoding, done);
        return stream;
      },
    });
  }

  #writeLines(state, data, encoding, done) {
    const callback = typeof encoding === "function" ? encoding : done;
    const bytes = typeof data === "string" ? Buffer.from(data, typeof encoding === "string" ? encoding : "utf8") : data;
    const all = Buffer.concat([state.unfinished, bytes]);
    const parts = [];
    let start = 0;
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, start)) {
      parts.push(...frame(BASE_TYPE | TEXT, all.subarray(start, end + 1)));
      start = end + 1;
    }
    state.unfinished = all.subarray(start);
    if (parts.length) writeAll(this.#fd, Buffer.concat(parts));
    if (state.unfinished.length > LONGEST_UNFINISHED_LINE) this.flush();
    if (callback) process.nextTick(callback);
    return true;
  }
}

/** Events as lines on stdout; line breaks inside an event become carriage returns, as in AWS's client. */
class StandardSink {
  write(text, level, format) {
    writeAll(1, Buffer.from(`${format === TEXT ? text.replaceAll("\n", "\r") : text}\n`));
  }

  flush() {}
}

/** The sink the platform asked for; `_LAMBDA_TELEMETRY_LOG_FD` is taken out of `environment`. */
export function openSink(environment) {
  const fd = environment._LAMBDA_TELEMETRY_LOG_FD;
  if (fd === undefined) return new StandardSink();
  delete environment._LAMBDA_TELEMETRY_LOG_FD;
  const sink = new FrameSink(Number(fd));
  process.on("exit", () => sink.flush());
  return sink;
}
