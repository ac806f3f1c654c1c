import { type Code, CODES, isCode, PerdureError } from "@perdure/core";
import type { AudienceJson, EventJson } from "@perdure/protocol";
import type { AckFrame } from "@perdure/protocol/frames";
import type { Clock } from "./environment.ts";
import { Timer } from "./timer.ts";

/** A record that waits for the session's verdict. Plain JSON, since it outlives the page. */
export interface OutboxEntry {
  readonly number: number;
  /** Seq of the session that the producer had seen when it began. */
  readonly born: number;
  readonly epoch?: string;
  readonly audience?: AudienceJson;
  readonly events: readonly EventJson[];
}

export interface LaneOptions {
  readonly producer: string;
  readonly clock: Clock;
  /** Sends where the session is attached; false: it is not, and `attached` will come. */
  readonly transmit: (producer: string, entry: OutboxEntry) => boolean;
  /** What waits has changed. */
  readonly onChange: () => void;
}

interface Waiting {
  readonly entry: OutboxEntry;
  readonly settle: (result: number | PerdureError) => void;
}

/** Without the message that it is about: the session refuses it, whoever writes it, and the number is used up. */
const REFUSED_BY_ALL: readonly EventJson[] = [{ messageClosed: {} }];

/** One producer's records in one session, kept and sent in order until each has its verdict. */
export class OutboxLane {
  readonly #options: LaneOptions;
  readonly #retry: Timer;
  #waiting: Waiting[] = [];
  /** The number that was last sent again because of a gap; until its verdict, later gaps say nothing new. */
  #mending = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#retry = new Timer(options.clock);
  }

  get producer(): string {
    return this.#options.producer;
  }

  get entries(): readonly OutboxEntry[] {
    return this.#waiting.map(({ entry }) => entry);
  }

  /** Resolves to the seq of the record's last event; rejects with the PerdureError that refused it. */
  add(entry: OutboxEntry): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#waiting.push({ entry, settle: (result) => (typeof result === "number" ? resolve(result) : reject(result)) });
    this.#options.onChange();
    if (!this.#retry.running) this.#options.transmit(this.producer, entry);
    return promise;
  }

  /** The session is attached (again): whatever has no verdict is sent; what had one is a duplicate there. */
  attached(): void {
    this.#sendFrom(0);
  }

  detached(): void {
    this.#retry.stop();
  }

  onAck(ack: AckFrame): void {
    const waiting = this.#waiting.find(({ entry }) => entry.number === ack.n);
    if (waiting === undefined) return;
    if (ack.code === undefined) return this.#settle(waiting, ack.s);
    const code: Code = isCode(ack.code) ? ack.code : "internal";
    if (code === "producer_gap") return this.#mend(ack.expected ?? ack.n);
    if (code === "not_attached") return;
    // Nobody knows of a verdict. One that there is after all is what the same number hears next.
    if (ack.retryAfterMs !== undefined) return this.#sendLater(ack.n, ack.retryAfterMs);
    const { winner, expected } = ack;
    const message = ack.message ?? CODES[code].meaning;
    const isFollowed = this.#waiting.at(-1) !== waiting && waiting.entry.events !== REFUSED_BY_ALL;
    if (expected === ack.n && isFollowed) return this.#giveUp(waiting, code, message);
    const details = { ...(winner && { winner }), ...(expected !== undefined && { expected }) };
    this.#settle(waiting, new PerdureError(code, message, details));
  }

  /** Gives up on all that waits. */
  fail(error: PerdureError): void {
    this.#retry.stop();
    for (const waiting of [...this.#waiting]) this.#settle(waiting, error);
  }

  /** Tells those who wait that nothing more will be heard here. What is stored stays, for another page to send. */
  abandon(error: PerdureError): void {
    this.#retry.stop();
    for (const { settle } of this.#waiting.splice(0)) settle(error);
  }

  #settle(waiting: Waiting, result: number | PerdureError): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting);
    if (waiting.entry.number === this.#mending) this.#mending = 0;
    this.#options.onChange();
    waiting.settle(result);
  }

  /** The session never saw this number, and what follows waits for it: something that it refuses takes that number. */
  #giveUp(waiting: Waiting, code: Code, message: string): void {
    const { entry, settle } = waiting;
    const filler: Waiting = { entry: { ...entry, events: REFUSED_BY_ALL }, settle: () => undefined };
    this.#waiting = this.#waiting.map((other) => (other === waiting ? filler : other));
    this.#options.onChange();
    settle(new PerdureError(code, message));
    this.#mending = entry.number;
    this.#sendFrom(entry.number);
  }

  #mend(expected: number): void {
    if (expected === this.#mending || this.#retry.running) return;
    const first = this.#waiting[0]?.entry.number ?? expected;
    if (first > expected) {
      const message = "records before these were lost on this device; send again";
      return this.fail(new PerdureError("producer_gap", message, { expected }));
    }
    this.#mending = expected;
    this.#sendFrom(expected);
  }

  #sendLater(number: number, delayMs: number): void {
    if (!this.#retry.running) this.#retry.start(delayMs, () => this.#sendFrom(number));
  }

  #sendFrom(number: number): void {
    this.#retry.stop();
    for (const { entry } of this.#waiting) {
      if (entry.number >= number && !this.#options.transmit(this.producer, entry)) return;
    }
  }
}
