import { CODES, type PerdureError } from "@perdure/core";
import type { ErrorFrame, HistoryFrame, PageFrame } from "@perdure/protocol/frames";
import type { Clock } from "./environment.ts";
import { refusal } from "./failure.ts";

type Answer = Pick<PageFrame, "page" | "before">;

interface Waiting {
  readonly before: number | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: PerdureError) => void;
}

export interface PageRequestsOptions {
  readonly clock: Clock;
  readonly nextRequestId: () => number;
  /** The handle of the attached session; undefined: it is not. */
  readonly handle: () => number | undefined;
  readonly send: (frame: HistoryFrame) => unknown;
  /** Why nothing can be read now; undefined: it can, or will be. */
  readonly refused: () => PerdureError | undefined;
}

const RETRY_MS = 1_000;

/** Asks for pages of the past, again after every reconnect, until each is answered. */
export class PageRequests {
  readonly #options: PageRequestsOptions;
  readonly #waiting = new Map<number, Waiting>();

  constructor(options: PageRequestsOptions) {
    this.#options = options;
  }

  /** Rejects with PerdureError where the session is refused, which waiting does not change. */
  read(before: number | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => this.#ask({ before, resolve, reject }));
  }

  attached(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const request of waiting) this.#ask(request);
  }

  /** True: the frame was the answer to one of these. */
  onPage({ id, page, before }: PageFrame): boolean {
    const waiting = this.#take(id);
    waiting?.resolve({ ...(page !== undefined && { page }), ...(before !== undefined && { before }) });
    return waiting !== undefined;
  }

  onError({ id = 0, code, message, retryAfterMs = RETRY_MS }: ErrorFrame): boolean {
    const waiting = this.#take(id);
    if (waiting === undefined) return false;
    if (code === "not_attached") {
      // It crossed the frame that ended the attachment: another attach is on its way, or the session is refused.
      this.#waiting.set(id, waiting);
      return true;
    }
    const error = refusal(code, message);
    if (CODES[error.code].retryable) this.#options.clock.after(retryAfterMs, () => this.#ask(waiting));
    else waiting.reject(error);
    return true;
  }

  fail(error: PerdureError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #ask(waiting: Waiting): void {
    const { handle, nextRequestId, send, refused } = this.#options;
    const why = refused();
    if (why !== undefined) return waiting.reject(why);
    const id = nextRequestId();
    this.#waiting.set(id, waiting);
    const h = handle();
    if (h !== undefined) send({ t: "history", id, h, ...(waiting.before !== undefined && { before: waiting.before }) });
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
