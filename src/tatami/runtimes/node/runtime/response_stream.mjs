// Response streaming: `awslambda.streamifyResponse` and the stream such a handler writes to.

import { Writable } from "node:stream";

import { errorTypeHeader } from "./runtime_client.mjs";

const STREAMING = Symbol.for("tatami.runtime.streaming");
const HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response";
const END_OF_METADATA = Buffer.alloc(8); // eight NUL bytes part the metadata from the body

/** Whether the handler was wrapped by streamifyResponse. */
export function isStreaming(handler) {
  return handler[STREAMING] === true;
}

/** The global `awslambda` object. */
export function awslambdaGlobal() {
  return {
    streamifyResponse(handler) {
      handler[STREAMING] = true;
      return handler;
    },
    HttpResponseStream: {
      /** Makes `stream` begin with status, headers and cookies for a function URL or API Gateway. */
      from(stream, metadata) {
        stream.setContentType(HTTP_INTEGRATION);
        stream.prelude = Buffer.concat([Buffer.from(JSON.stringify(metadata)), END_OF_METADATA]);
        return stream;
      },
    },
  };
}

/** The response of one invocation; the POST begins with the first byte, so an error before it is an ordinary error. */
export class ResponseStream extends Writable {
  #client;
  #invocation;
  #contentType = "application/octet-stream";
  #post = null;
  prelude = null;

  constructor(client, invocation) {
    super({ highWaterMark: 64 * 1024 });
    this.#client = client;
    this.#invocation = invocation;
  }

  /** Whether the Runtime API has seen the beginning of the response. */
  get started() {
    return this.#post !== null;
  }

  /** Sets the Content-Type of the response; throws once the response has begun. */
  setContentType(contentType) {
    if (this.started) throw new Error("the content type cannot be set after the response has begun");
    this.#contentType = contentType;
  }

  /** Ends a begun response with an error in its trailers; resolves when the Runtime API has taken it. */
  fail(document) {
    const trailers = {
      "Lambda-Runtime-Function-Error-Type": errorTypeHeader(document.errorType),
      "Lambda-Runtime-Function-Error-Body": Buffer.from(JSON.stringify(document)).toString("base64"),
    };
    return new Promise((resolve) => this.#post.end(trailers, resolve));
  }

  _write(chunk, encoding, done) {
    this.#begin();
    this.#post.write(chunk, done);
  }

  _final(done) {
    this.#begin();
    this.#post.end({}, done);
  }

  #begin() {
    if (this.#post) return;
    this.#post = this.#client.openStream(this.#invocation, this.#contentType);
    if (this.prelude) this.#post.write(this.prelude, () => {});
  }
}
