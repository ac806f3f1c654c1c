import { type Code, isCode, PerdureError, REFUSED_BY_ALL } from "@perdure/core";
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

/** What became of a record that was to be sent; `away`: the session is not attached; else why no edge would take it. */
export type Transmission = "sent" | "away" | PerdureError;

export interface LaneOptions {
  readonly producer: string;
  readonly clock: Clock;
  /** Sends where the session is attached; where it is not, `attached` will come. */
  readonly transmit: (producer: string, entry: OutboxEntry) => Transmission;
  /** What waits has changed. */
  readonly onChange: () => void;
}

interface Waiting {
  readonly entry: OutboxEntry;
  readonly settle: (result: number | PerdureError) => void;
}

/** It only takes a number whose own record nobody takes, and whoever wrote that has been told. */
export const isStandIn = ({ events: [event, ...more] }: OutboxEntry): boolean =>
  event?.messageClosed !== undefined && event.messageClosed.messageId === undefined && more.length === 0;

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
    const settle = (result: number | PerdureError): void =>
      typeof result === "number" ? resolve(result) : reject(result);
    const waiting: Waiting = { entry, settle };
    this.#waiting.push(waiting);
    this.#options.onChange();
    if (!this.#retry.running) this.#transmit(waiting);
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
    if (expected === ack.n && !isStandIn(waiting.entry))
      return this.#giveUp(waiting, new PerdureError(code, ack.message));
    this.#settle(waiting, new PerdureError(code, ack.message, winner === undefined ? {} : { winner }));
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

  /**
   * The session never saw this number, and what follows waits for it: something that it refuses takes that number. What was
   * sent behind it is answered with a gap, and goes again then.
   */
  #giveUp(waiting: Waiting, error: PerdureError): void {
    const standIn = this.#standIn(waiting, error);
    this.#mending = 0;
    if (!this.#retry.running) this.#transmit(standIn);
  }

  #standIn(waiting: Waiting, error: PerdureError): Waiting {
    const { entry, settle } = waiting;
    const standIn: Waiting = { entry: { ...entry, events: REFUSED_BY_ALL }, settle: () => undefined };
    this.#waiting = this.#waiting.map((other) => (other === waiting ? standIn : this.#without(entry, other)));
    this.#options.onChange();
    settle(error);
    return standIn;
  }

  /** What follows a message that will never be there follows what that one would have. */
  #without(gone: OutboxEntry, waiting: Waiting): Waiting {
    const { entry } = waiting;
    const ids = `${this.producer}:${gone.number}:`;
    const parentId = gone.events.find(({ messageOpened }) => messageOpened)?.messageOpened?.parentId ?? "";
    const events = entry.events.map((event) => {
      const { messageOpened } = event;
      return messageOpened?.parentId?.startsWith(ids) === true
        ? { messageOpened: { ...messageOpened, parentId } }
        : event;
    });
    return { ...waiting, entry: { ...entry, events } };
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

  // What is not taken changes what follows it, so that nothing is looked at before its turn.
  #sendFrom(number: number): void {
    this.#retry.stop();
    for (let index = 0; index < this.#waiting.length; index += 1) {
      const waiting = this.#waiting[index];
      if (waiting !== undefined && waiting.entry.number >= number && !this.#transmit(waiting)) return;
    }
  }

  /** False: the session is not attached. */
  #transmit(waiting: Waiting): boolean {
    const outcome = this.#options.transmit(this.producer, waiting.entry);
    if (!(outcome instanceof PerdureError)) return outcome === "sent";
    return !isStandIn(waiting.entry) && this.#transmit(this.#standIn(waiting, outcome));
  }
}
