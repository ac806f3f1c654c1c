import { LogError } from "@perdure/log";
import type { Network } from "../world/network.ts";
import type { SimProcess } from "../world/process.ts";
import type { Broker } from "./broker.ts";

/** How an answer comes back: at once or later, once. */
export interface Reply<Answer> {
  answer(value: Answer): void;
  refuse(error: unknown): void;
}

export interface CallOptions {
  /** How long to wait for an answer before asking again. */
  readonly timeoutMs?: number;
  /** How long to go on asking; past it the outcome is unknown. */
  readonly giveUpMs?: number;
}

const TIMEOUT_MS = 700;
const GIVE_UP_MS = 8_000;
const RETRY_AFTER_MS = 200;

/** The way of one process to the broker: requests and answers that may be lost, and are asked again. */
export class Caller {
  readonly process: SimProcess;
  readonly broker: Broker;
  readonly #network: Network;
  #closed = false;

  constructor(process: SimProcess, broker: Broker, network: Network) {
    this.process = process;
    this.broker = broker;
    this.#network = network;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** Throws `closed`. */
  checkOpen(): void {
    if (this.#closed) throw new LogError("closed", "the log is closed: open it again");
  }

  /**
   * Asks until there is an answer. `request` runs at the broker once for each try that arrives, with the number of the
   * try. Rejects with what the broker refuses, and with `unavailable` where no answer came in time.
   */
  call<Answer>(request: (reply: Reply<Answer>, attempt: number) => void, options: CallOptions = {}): Promise<Answer> {
    const { timeoutMs = TIMEOUT_MS, giveUpMs = GIVE_UP_MS } = options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const untilMs = this.process.clock.now() + giveUpMs;
    let settled = false;
    let cancelTimer = (): void => undefined;
    const settle = (act: () => void): void => {
      if (settled) return;
      settled = true;
      cancelTimer();
      act();
    };
    const reply: Reply<Answer> = {
      answer: (value) => this.#back(() => settle(() => resolve(value))),
      refuse: (error) => this.#back(() => settle(() => reject(asError(error)))),
    };
    const ask = (attempt: number): void => {
      if (attempt > 0 && this.process.clock.now() >= untilMs) return settle(() => reject(unavailable()));
      this.#network.send(this.process.name, "broker", undefined, () => judge(request, reply, attempt));
      cancelTimer = this.process.after(timeoutMs, () => ask(attempt + 1));
    };
    ask(0);
    return promise;
  }

  /** A request that is answered at once, or refused by throwing. */
  ask<Answer>(request: (attempt: number) => Answer, options?: CallOptions): Promise<Answer> {
    return this.call<Answer>((reply, attempt) => reply.answer(request(attempt)), options);
  }

  #back(arrive: () => void): void {
    this.#network.send("broker", this.process.name, this.process, arrive);
  }
}

function judge<Answer>(
  request: (reply: Reply<Answer>, attempt: number) => void,
  reply: Reply<Answer>,
  attempt: number,
): void {
  try {
    request(reply, attempt);
  } catch (error) {
    reply.refuse(error);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error("refused", { cause: error }));

function unavailable(): LogError {
  return new LogError("unavailable", "the broker did not answer: try again", { retryAfterMs: RETRY_AFTER_MS });
}
