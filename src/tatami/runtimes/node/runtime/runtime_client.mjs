// Client of the Lambda Runtime API (2018-06-01) over one kept connection.
//
// A raw socket instead of node:http: it loads sooner, and the function's own use of http.Agent cannot touch it.
// While the handler runs the socket is unreferenced, so that "the event loop is empty" means the function's loop.

import net from "node:net";

const PREFIX = "/2018-06-01/runtime";
const ERROR_TYPE = "Lambda-Runtime-Function-Error-Type";
const XRAY_CAUSE = "Lambda-Runtime-Function-XRay-Error-Cause";
const INVOCATION_ID = "Lambda-Runtime-Invocation-Id";
const LONGEST_ERROR_TYPE = 256; // characters
const LONGEST_XRAY_CAUSE = 64 * 1024; // bytes; the platform keeps no more

/** The Runtime API cannot be talked to any more; the process has nothing left to do. */
export class RuntimeApiError extends Error {}

/** Takes one HTTP answer apart as its bytes arrive; `add` returns the answer when it is whole. */
class AnswerParser {
  #waiting = Buffer.alloc(0);
  #head = null;
  #body = [];
  #missing = 0; // bytes of the body, or of the current chunk with its line break
  #chunked = false;

  add(data) {
    if (this.#head && !this.#chunked) return this.#addBody(data);
    this.#waiting = this.#waiting.length ? Buffer.concat([this.#waiting, data]) : data;
    if (!this.#head && !this.#readHead()) return null;
    if (this.#chunked) return this.#readChunks();
    const rest = this.#waiting;
    this.#waiting = Buffer.alloc(0);
    return this.#addBody(rest);
  }

  #readHead() {
    const end = this.#waiting.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [statusLine, ...lines] = this.#waiting.toString("utf8", 0, end).split("\r\n");
    this.#waiting = this.#waiting.subarray(end + 4);
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
    }
    const status = Number(statusLine.split(" ", 2)[1]);
    if (status < 200) return this.#readHead();
    this.#head = { status, headers };
    this.#chunked = headers["transfer-encoding"]?.toLowerCase() === "chunked";
    this.#missing = Number(headers["content-length"] ?? 0);
    return true;
  }

  #addBody(data) {
    this.#body.push(data);
    this.#missing -= data.length;
    return this.#missing > 0 ? null : { ...this.#head, body: Buffer.concat(this.#body) };
  }

  #readChunks() {
    for (;;) {
      const lineEnd = this.#waiting.indexOf("\r\n");
      if (lineEnd < 0) return null;
      const length = Number.parseInt(this.#waiting.toString("latin1", 0, lineEnd), 16);
      if (length === 0) {
        // Trailers, if any, end with an empty line like the answer itself.
        if (this.#waiting.indexOf("\r\n\r\n", lineEnd) < 0) return null;
        return { ...this.#head, body: Buffer.concat(this.#body) };
      }
      const next = lineEnd + 2 + length + 2;
      if (this.#waiting.length < next) return null;
      this.#body.push(this.#waiting.subarray(lineEnd + 2, next - 2));
      this.#waiting = this.#waiting.subarray(next);
    }
  }
}

/** Speaks to `address` ("host:port", the value of AWS_LAMBDA_RUNTIME_API). */
export class RuntimeClient {
  #address;
  #host;
  #port;
  #socket = null;

  constructor(address) {
    this.#address = address;
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon).replace(/^\[|\]$/g, "");
    this.#port = Number(address.slice(colon + 1));
  }

  /** Waits, without a limit, for an invocation: {headers, body}. Throws RuntimeApiError when the platform is gone. */
  async next() {
    const answer = await this.#exchange("GET", "/invocation/next", {}, null);
    if (answer?.status !== 200) throw new RuntimeApiError(`/invocation/next was answered with ${answer?.status}`);
    return answer;
  }

  /** Posts the result; a refusal (a body that is too large, an id that is over) is the platform's to report. */
  postResponse(invocation, body, contentType = "application/json") {
    return this.#postAbout(invocation, "response", { "Content-Type": contentType }, body);
  }

  /** Posts a handler's error: `document` as of faults.mjs, `cause` the object of the X-Ray header. */
  postError(invocation, document, cause) {
    const headers = { "Content-Type": "application/json", [ERROR_TYPE]: errorTypeHeader(document.errorType) };
    const causeText = asciiJson(cause);
    if (causeText.length <= LONGEST_XRAY_CAUSE) headers[XRAY_CAUSE] = causeText;
    return this.#postAbout(invocation, "error", headers, JSON.stringify(document));
  }

  /** Posts an error of the initialisation; whatever the answer, the caller exits next. */
  postInitError(document) {
    const headers = { "Content-Type": "application/json", [ERROR_TYPE]: errorTypeHeader(document.errorType) };
    return this.#exchange("POST", "/init/error", headers, JSON.stringify(document));
  }

  /**
   * Opens a streamed response on a connection of its own. Returns {write(bytes, done), end(trailers, done)};
   * `done(error)` is called when the bytes have left, and after `end` when the Runtime API has answered.
   */
  openStream(invocation, contentType) {
    const headers = {
      ...invocationHeader(invocation),
      "Content-Type": contentType,
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
      Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
      Connection: "close",
    };
    const socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
    let failed = null;
    let closed = () => {};
    socket.on("error", (error) => (failed = error));
    socket.on("close", () => closed(failed));
    socket.resume();
    // Between writes the socket does not keep the event loop alive: an empty loop ends a forgotten stream.
    let writes = 1;
    const settled = () => {
      writes -= 1;
      if (writes === 0) socket.unref();
    };
    socket.write(this.#head("POST", `/invocation/${invocation.requestId}/response`, headers), settled);
    return {
      write(bytes, done) {
        if (bytes.length === 0) return void process.nextTick(done);
        writes += 1;
        socket.ref();
        socket.cork();
        socket.write(`${bytes.length.toString(16)}\r\n`);
        socket.write(bytes);
        socket.write("\r\n", (error) => {
          settled();
          done(error);
        });
        socket.uncork();
      },
      end(trailers, done) {
        closed = done;
        if (socket.destroyed) return void process.nextTick(done, failed);
        writes += 1; // never settled: the answer is waited for
        socket.ref();
        socket.end(`0\r\n${headerLines(trailers)}\r\n`);
      },
    };
  }

  async #postAbout(invocation, what, headers, body) {
    const all = { ...invocationHeader(invocation), ...headers };
    const answer = await this.#exchange("POST", `/invocation/${invocation.requestId}/${what}`, all, body);
    // The guide: a 500 is a container error that cannot be recovered from; the runtime exits promptly.
    if (answer?.status >= 500) throw new RuntimeApiError(`posting the ${what} was answered with ${answer.status}`);
  }

  #head(method, path, headers) {
    const all = { Host: this.#address, "User-Agent": `tatami-nodejs/${process.versions.node}`, ...headers };
    return `${method} ${PREFIX}${path} HTTP/1.1\r\n${headerLines(all)}\r\n`;
  }

  /** One request: {status, headers, body}, or null when the connection broke before an answer, twice. */
  async #exchange(method, path, headers, body) {
    const bytes = body === null ? null : Buffer.from(body);
    const head = this.#head(method, path, bytes ? { ...headers, "Content-Length": bytes.length } : headers);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      try {
        return await this.#try(head, bytes);
      } catch {
        // A kept connection may have been closed meanwhile, or the server refused the body halfway.
        this.#socket?.destroy();
        this.#socket = null;
      }
    }
    return null;
  }

  #try(head, body) {
    return new Promise((resolve, reject) => {
      const socket = this.#connected();
      const parser = new AnswerParser();
      let problem = new Error("the Runtime API closed the connection");
      const finish = (settle, value) => {
        socket.removeListener("data", onData).removeListener("close", onClose).removeListener("error", onError);
        socket.on("error", () => {});
        socket.unref();
        settle(value);
      };
      const onData = (data) => {
        const answer = parser.add(data);
        if (!answer) return;
        if (answer.headers.connection?.toLowerCase() === "close") {
          this.#socket = null;
          socket.destroy();
        }
        finish(resolve, answer);
      };
      const onError = (error) => (problem = error);
      const onClose = () => finish(reject, problem);
      socket.removeAllListeners("error").on("data", onData).on("close", onClose).on("error", onError);
      socket.ref();
      if (body && body.length < 65536) {
        socket.write(Buffer.concat([Buffer.from(head, "latin1"), body]));
      } else {
        socket.write(head, "latin1");
        if (body) socket.write(body);
      }
    });
  }

  #connected() {
    if (!this.#socket || this.#socket.destroyed || this.#socket.readyState === "closed") {
      this.#socket = net.connect({ host: this.#host, port: this.#port, noDelay: true });
    }
    return this.#socket;
  }
}

function invocationHeader(invocation) {
  return invocation.invocationId ? { [INVOCATION_ID]: invocation.invocationId } : {};
}

function headerLines(headers) {
  let lines = "";
  for (const [name, value] of Object.entries(headers)) lines += `${name}: ${String(value).replace(/[\r\n]/g, " ")}\r\n`;
  return lines;
}

/** An error type as a header value: printable ASCII in one line, other characters as `?`. */
export function errorTypeHeader(errorType) {
  return String(errorType).slice(0, LONGEST_ERROR_TYPE).replace(/[^ -~]/g, "?");
}

/** JSON in ASCII, for a header. */
function asciiJson(value) {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
