import { annotateError, type IntegrationError } from "../core/index.ts";
import { type CallContext } from "./call-context.ts";
import { type Ending } from "./stages/stage.ts";

/** How a call ends for whoever made it. */
export class WholeCall implements Ending {
  readonly #call: CallContext;
  readonly #onEnd: (call: CallContext) => void;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: IntegrationError) => void;

  constructor(
    call: CallContext,
    onEnd: (call: CallContext) => void,
    resolve: (value: unknown) => void,
    reject: (error: IntegrationError) => void,
  ) {
    this.#call = call;
    this.#onEnd = onEnd;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  done(value: unknown): void {
    this.#onEnd(this.#call);
    this.#resolve(value);
  }

  failed(error: IntegrationError): void {
    const { trace } = this.#call;
    trace.code = annotateError(error, trace).code;
    this.#onEnd(this.#call);
    this.#reject(error);
  }
}
