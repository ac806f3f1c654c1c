import { CODES, PerdureError } from "@perdure/core";
import type { SessionCreatedJson } from "@perdure/protocol";
import type { AckFrame } from "@perdure/protocol/frames";
import type { Transmission } from "./connection.ts";
import type { Clock } from "./environment.ts";
import { refusal } from "./failure.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import { Timer } from "./timer.ts";

export interface CreationOptions {
  /** What the producers of its records begin with. */
  readonly producer: string;
  readonly clock: Clock;
  readonly transmit: (producer: string, entry: OutboxEntry) => Transmission;
  readonly onRefused: (error: PerdureError) => void;
}

const RETRY_MS = 1_000;

/**
 * Begins the life of a session that has none. The record has a producer of its own, so that whatever becomes of it, the
 * numbers of what is written into the session stay without a gap.
 */
export class Creation {
  readonly #options: CreationOptions;
  readonly #retry: Timer;
  #tries = 0;
  #producer: string | undefined;

  constructor(options: CreationOptions) {
    this.#options = options;
    this.#retry = new Timer(options.clock);
  }

  /** Asks for it, unless that was done and has no answer yet. */
  request(body: SessionCreatedJson): void {
    if (this.#producer !== undefined) return;
    this.#tries += 1;
    this.#producer = `${this.#options.producer}-c${this.#tries}`;
    const entry: OutboxEntry = { number: 1, born: 0, events: [{ sessionCreated: body }] };
    const outcome = this.#options.transmit(this.#producer, entry);
    if (outcome !== "sent") this.#producer = undefined;
    if (outcome instanceof PerdureError) this.#options.onRefused(outcome);
  }

  /** Not attached any more: whether it was created shows at the next attach. */
  detached(): void {
    this.#retry.stop();
    this.#producer = undefined;
  }

  /** True: the acknowledgement was for this. */
  onAck(ack: AckFrame, again: () => void): boolean {
    if (ack.p !== this.#producer) return false;
    this.#producer = undefined;
    // That it has a life now was told by the stream before this; where it was let go of, the next attach asks again.
    if (ack.code === undefined || ack.code === "already_exists" || ack.code === "not_attached") return true;
    const error = refusal(ack.code, ack.message);
    if (CODES[error.code].retryable) this.#retry.start(ack.retryAfterMs ?? RETRY_MS, again);
    else this.#options.onRefused(error);
    return true;
  }
}
