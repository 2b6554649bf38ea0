// One invocation of a handler that answers with a value: by a promise, a callback, or context.done.

import { createContext } from "./context.mjs";
import { Fault } from "./faults.mjs";

const UNSETTLED =
  "The event loop is empty and the handler's promise is not settled: nothing that is left could settle it.";

/** How an invocation may end, once: {error} or {value}. `ended` is the promise of it. */
class Completion {
  waitForEmptyEventLoop = true;
  #onEmptyLoop;
  #end;

  constructor(loop) {
    this.loop = loop;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#onEmptyLoop = () => this.end({ value: null });
    loop.whenEmpty = () => this.#onEmptyLoop();
  }

  end(outcome) {
    this.loop.whenEmpty = null;
    this.#end(outcome);
  }

  /** context.done: ends at once. */
  done = (error, value) => {
    this.end(error === undefined || error === null ? { value } : { error });
  };

  /** The third argument of a handler: a result waits for the empty event loop unless the context says otherwise. */
  callback = (error, value) => {
    if ((error !== undefined && error !== null) || !this.waitForEmptyEventLoop) this.done(error, value);
    else this.#onEmptyLoop = () => this.end({ value });
  };

  /** A handler that returned a promise must settle it; an empty event loop before that is its error. */
  expectPromise(promise) {
    this.#onEmptyLoop = () => this.end({ error: new Fault("Runtime.NodeJsExit", UNSETTLED) });
    promise.then((value) => this.end({ value }), (error) => this.end({ error, failed: true }));
  }
}

/** Calls the handler and resolves to {value} or {error}. `loop.whenEmpty` is called when the event loop runs empty. */
export function invoke(handler, invocation, environment, loop) {
  const completion = new Completion(loop);
  try {
    const context = createContext(invocation, environment, completion);
    const event = JSON.parse(invocation.body.toString("utf8"));
    const result = handler(event, context, completion.callback);
    if (typeof result?.then === "function") completion.expectPromise(result);
  } catch (error) {
    completion.end({ error });
  }
  return completion.ended;
}
