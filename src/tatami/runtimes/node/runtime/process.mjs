// The life of the process: prepare, load the handler, serve invocations one after the other.

import { current, patchConsole, wantsJson } from "./console.mjs";
import { createContext, invocationOf } from "./context.mjs";
import { Fault, errorDocument, loggedError, xrayCause } from "./faults.mjs";
import { loadHandler } from "./handler.mjs";
import { invoke } from "./invocation.mjs";
import { openSink } from "./log_sink.mjs";
import { ResponseStream, awslambdaGlobal, isStreaming } from "./response_stream.mjs";
import { RuntimeClient } from "./runtime_client.mjs";

const EXIT_UNHANDLED_REJECTION = 128;
const EXIT_UNCAUGHT_EXCEPTION = 129;
const EXIT_UNSETTLED_IMPORT = 13; // Node's own code for a top-level await that nothing can settle

/** Runs the function of this environment until the platform ends the process. `environment` is process.env. */
export async function start(environment) {
  const sink = openSink(environment);
  patchConsole(sink, environment);
  globalThis.awslambda = awslambdaGlobal();
  const runtime = new Runtime(new RuntimeClient(environment.AWS_LAMBDA_RUNTIME_API), sink, environment);
  runtime.watchProcess();
  const handler = await runtime.initialise();
  try {
    for (;;) await runtime.serve(handler);
  } catch (error) {
    console.error("Runtime API:", error.message);
    process.exit(1);
  }
}

class Runtime {
  #client;
  #sink;
  #environment;
  #json;
  #phase = "init"; // init, idle, invoke or ending
  #invocation = null;
  #loop = { whenEmpty: () => process.exit(EXIT_UNSETTLED_IMPORT) };

  constructor(client, sink, environment) {
    this.#client = client;
    this.#sink = sink;
    this.#environment = environment;
    this.#json = wantsJson(environment);
  }

  /** Errors nobody caught belong to the phase they appear in, and end the process. */
  watchProcess() {
    process.on("beforeExit", () => this.#loop.whenEmpty?.());
    process.on("uncaughtException", (error) => this.#crash("Uncaught Exception", error, EXIT_UNCAUGHT_EXCEPTION));
    process.on("unhandledRejection", (reason) => {
      const fault = new Fault("Runtime.UnhandledPromiseRejection", describeReason(reason));
      fault.reason = reason instanceof Error ? errorForLog(reason) : reason;
      this.#crash("Unhandled Promise Rejection", fault, EXIT_UNHANDLED_REJECTION);
    });
  }

  /** The handler, or the end of the process: an error of the function's module is posted and exits. */
  async initialise() {
    const { LAMBDA_TASK_ROOT: taskRoot = process.cwd(), _HANDLER: name = "" } = this.#environment;
    try {
      const handler = await loadHandler(taskRoot, name);
      this.#loop.whenEmpty = null;
      return handler;
    } catch (error) {
      await this.#crash("Uncaught Exception", error, EXIT_UNCAUGHT_EXCEPTION);
    }
  }

  /** One invocation from /next to its posted outcome. */
  async serve(handler) {
    this.#phase = "idle";
    const invocation = invocationOf(await this.#client.next());
    this.#invocation = invocation;
    this.#phase = "invoke";
    current.requestId = invocation.requestId;
    current.tenantId = invocation.tenantId;
    this.#setTraceId(invocation.traceId);
    if (isStreaming(handler)) await this.#serveStream(handler, invocation);
    else await this.#serveValue(handler, invocation);
  }

  async #serveValue(handler, invocation) {
    const outcome = await invoke(handler, invocation, this.#environment, this.#loop);
    let body = null;
    if (!("error" in outcome)) {
      try {
        body = JSON.stringify(outcome.value) ?? "null";
      } catch (error) {
        outcome.error = new Error(`Unable to stringify response body: ${error.message}`, { cause: error });
      }
    }
    if (body === null) return this.#postError("Invoke Error", outcome.error);
    this.#sink.flush();
    return this.#client.postResponse(invocation, body);
  }

  async #serveStream(handler, invocation) {
    const stream = new ResponseStream(this.#client, invocation);
    const closed = new Promise((resolve, reject) => stream.once("close", resolve).once("error", reject));
    closed.catch(() => {}); // seen below, if the handler itself does not fail first
    try {
      const event = JSON.parse(invocation.body.toString("utf8"));
      const context = createContext(invocation, this.#environment, { done() {} });
      // A stream that nothing is left to write to is complete, ended or not.
      this.#loop.whenEmpty = () => stream.end();
      await handler(event, stream, context);
      this.#sink.flush();
      await closed;
    } catch (error) {
      if (!stream.started) return this.#postError("Invoke Error", error);
      this.#log("Invoke Error", error);
      this.#sink.flush();
      if (stream.writableEnded) return await closed.catch(() => {});
      await stream.fail(errorDocument(error));
      stream.destroy();
    } finally {
      this.#loop.whenEmpty = null;
    }
  }

  #postError(label, error) {
    this.#log(label, error);
    this.#sink.flush();
    const document = errorDocument(error);
    return this.#client.postError(this.#invocation, document, xrayCause(document));
  }

  #log(label, error) {
    if (this.#json) console.error(error instanceof Error ? error : errorDocument(error));
    else console.error(label, `\t${loggedError(error)}`);
  }

  async #crash(label, error, exitCode) {
    const phase = this.#phase;
    if (phase === "ending") return;
    this.#phase = "ending";
    this.#loop.whenEmpty = null;
    try {
      if (phase === "invoke") {
        await this.#postError(label, error);
      } else {
        this.#log(label, error);
        if (phase === "init") await this.#client.postInitError(errorDocument(error));
      }
    } finally {
      process.exit(exitCode);
    }
  }

  #setTraceId(traceId) {
    if (traceId) this.#environment._X_AMZN_TRACE_ID = traceId;
    else delete this.#environment._X_AMZN_TRACE_ID;
  }
}

function describeReason(reason) {
  try {
    return String(reason);
  } catch {
    return "the reason cannot be shown as text";
  }
}

function errorForLog(error) {
  return { errorType: error.name, errorMessage: error.message, stack: String(error.stack).split("\n") };
}
