import { PerdureError } from "@perdure/core";
import type { AckFrame } from "@perdure/protocol/frames";
import type { Transmission } from "./connection.ts";
import type { Clock } from "./environment.ts";
import { refusal } from "./failure.ts";
import {
  idsOf,
  isStandIn,
  nameOf,
  type Numbered,
  type OutboxEntry,
  parentOf,
  refersTo,
  renamed,
  reparented,
  sentAnew,
  standInFor,
} from "./outbox-entry.ts";
import { Timer } from "./timer.ts";

/** The id of the item that the record's event at `index` makes: `producer:number:index`. */
export type IdOf = (index: number) => string;

/** One producer's records in one session, by the page that wrote them. */
export interface LaneName {
  readonly page: string;
  readonly session: string;
  readonly producer: string;
}

/** Where records outlive the page. */
export interface LaneStore {
  /** Stores a record, in place of what had its number. False: there is no room. */
  keep(lane: LaneName, entry: OutboxEntry): boolean;
  /** The record of that number is settled. */
  drop(lane: LaneName, number: number): void;
}

export interface LaneOptions {
  readonly name: LaneName;
  readonly store: LaneStore;
  readonly clock: Clock;
  /** Sends where the session is attached; where it is not, `attached` will come. */
  readonly transmit: (producer: string, entry: OutboxEntry) => Transmission;
  /** What waits has changed. */
  readonly onChange: () => void;
  /** All lanes of the session, this one too: what waits in one may refer to what waits in another. */
  readonly lanes: () => Iterable<OutboxLane>;
}

interface Waiting {
  entry: OutboxEntry;
  settle: (result: IdOf | PerdureError) => void;
  /** Sendings on this connection that have had no answer; of a stand-in, those of what it stands in for, answered first. */
  unanswered: number;
  isKept: boolean;
  /** It has its verdict. */
  isOver: boolean;
}

/** One producer's records in one session, kept and sent in order until each has its verdict. */
export class OutboxLane {
  readonly #options: LaneOptions;
  readonly #retry: Timer;
  /** By number, in order. */
  readonly #waiting = new Map<number, Waiting>();
  /** Of them, those that the session did not take, since something that they refer to may not have been there yet: that. */
  readonly #early = new Map<Waiting, Waiting>();
  #last = 0;
  /** The number that was last sent again because of a gap; until its verdict, later gaps say nothing new. */
  #mending = 0;
  /** Of the numbers to send again when the time for it has come, the first. */
  #retryFrom = Infinity;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#retry = new Timer(options.clock);
  }

  get producer(): string {
    return this.#options.name.producer;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Of what waits, what would be lost with the page. */
  get unsavedCount(): number {
    return [...this.#waiting.values()].filter(({ entry, isKept }) => !isKept && !isStandIn(entry)).length;
  }

  get nextNumber(): number {
    return this.#last + 1;
  }

  get entries(): readonly OutboxEntry[] {
    return Array.from(this.#waiting.values(), ({ entry }) => entry);
  }

  /**
   * Resolves to how the record's items are called, once it is accepted; rejects with the PerdureError that refused it.
   * Numbers are given in order. `isKept`: it is stored already.
   */
  add(entry: OutboxEntry, isKept = false): Promise<IdOf> {
    const { promise, resolve, reject } = Promise.withResolvers<IdOf>();
    const settle = (result: IdOf | PerdureError): void =>
      result instanceof PerdureError ? reject(result) : resolve(result);
    this.#put({ entry, settle, unanswered: 0, isKept, isOver: false });
    return promise;
  }

  idOf(record: Numbered): IdOf {
    const ids = idsOf(this.producer, record);
    return (index) => `${ids}${index}`;
  }

  /** Stores what is not stored yet as far as there is room, and in order: a page that takes over needs all numbers. */
  keep(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.isKept ||= this.#keep(waiting.entry);
      if (!waiting.isKept) return;
    }
  }

  /** The session is attached (again): whatever has no verdict is sent; what had one is a duplicate there. */
  attached(): void {
    this.#sendFrom(0);
  }

  detached(): void {
    this.#retry.stop();
    for (const waiting of this.#waiting.values()) waiting.unanswered = 0;
  }

  /** `number`, `anew`: which record the answer is for. */
  onAck(ack: AckFrame, number = ack.n, anew?: number): void {
    const waiting = this.#waiting.get(number);
    // What it was sent as before has had its verdict.
    if (waiting === undefined || waiting.entry.anew !== anew) return;
    const isCounted = waiting.unanswered > 0;
    if (isCounted) waiting.unanswered -= 1;
    const { code, message, winner, expected, retryAfterMs } = ack;
    if (code === undefined) return this.#accept(waiting);
    if (code === "producer_gap" && anew === undefined) return this.#mend(expected ?? number);
    if (code === "not_attached") return;
    // Nobody knows of a verdict. One that there is after all is what the same number hears next.
    if (retryAfterMs !== undefined) return this.#sendLater(number, retryAfterMs);
    const error = refusal(code, message, winner === undefined ? {} : { winner });
    if (expected === ack.n) {
      if (!isStandIn(waiting.entry)) return this.#giveUp(waiting, error);
      // So was what it stands in for: that had been sent twice.
      if (isCounted) return;
    }
    if (code === "not_found" && waiting.entry.isMoved === true) return this.#sendAnew(waiting);
    const awaited = code === "not_found" ? this.#unjudgedIn(waiting) : undefined;
    if (awaited === undefined) this.#refuse(waiting, error);
    else this.#early.set(waiting, awaited);
  }

  /** Gives up on all that waits. */
  fail(error: PerdureError): void {
    this.#retry.stop();
    for (const waiting of [...this.#waiting.values()]) this.#settle(waiting, error);
  }

  /** Tells those who wait that nothing more will be heard here. What is stored stays, for whoever sends it next. */
  abandon(error: PerdureError): void {
    this.#retry.stop();
    for (const { settle } of this.#waiting.values()) settle(error);
    this.#waiting.clear();
  }

  #keep(entry: OutboxEntry): boolean {
    const { store, name } = this.#options;
    return store.keep(name, entry);
  }

  #put(waiting: Waiting): void {
    const { entry } = waiting;
    this.#last = entry.number;
    this.#waiting.set(entry.number, waiting);
    this.keep();
    this.#options.onChange();
    if (!this.#retry.running) this.#transmit(waiting);
  }

  #accept(waiting: Waiting): void {
    this.#markEarly(waiting.entry);
    this.#settle(waiting, this.idOf(waiting.entry));
    this.#lookAgain();
  }

  #refuse(waiting: Waiting, error: PerdureError): void {
    this.#moveFrom(waiting.entry);
    this.#settle(waiting, error);
    this.#lookAgain();
  }

  #settle(waiting: Waiting, result: IdOf | PerdureError): void {
    this.#take(waiting);
    this.#options.onChange();
    waiting.settle(result);
  }

  #take(waiting: Waiting): void {
    const { number } = waiting.entry;
    waiting.isOver = true;
    this.#waiting.delete(number);
    this.#early.delete(waiting);
    if (number === this.#mending) this.#mending = 0;
    this.#options.store.drop(this.#options.name, number);
    this.keep();
  }

  /**
   * The session never saw this number, and what follows waits for it: something that it refuses takes that number. What was
   * sent behind it is answered with a gap, and goes again then.
   */
  #giveUp(waiting: Waiting, error: PerdureError): void {
    this.#standIn(waiting, error);
    this.#mending = 0;
    if (!this.#retry.running) this.#transmit(waiting);
  }

  #standIn(waiting: Waiting, error: PerdureError): void {
    const { entry, settle } = waiting;
    waiting.settle = () => undefined;
    this.#moveFrom(entry);
    this.#change(waiting, standInFor(entry));
    this.#options.onChange();
    settle(error);
    this.#lookAgain();
  }

  /** It was refused because what it refers to was not there, which nobody could know when it was sent. */
  #sendAnew(waiting: Waiting): void {
    this.#early.delete(waiting);
    const { entry } = waiting;
    const anew = sentAnew(this.producer, entry);
    const [ids, newIds] = [idsOf(this.producer, entry), idsOf(this.producer, anew)];
    this.#changeAll((other) => (other === entry ? entry : renamed(other, ids, newIds)));
    this.#change(waiting, anew);
    waiting.unanswered = 0;
    this.#options.onChange();
    if (!this.#retry.running) this.#transmit(waiting);
  }

  /** What refers to it from another producer may have been judged before it was there: that verdict is none. */
  #markEarly(entry: OutboxEntry): void {
    const ids = idsOf(this.producer, entry);
    const { producer } = nameOf(this.producer, entry);
    this.#changeAll((other, lane) => {
      const isOrdered = nameOf(lane.producer, other).producer === producer;
      return isOrdered || other.isMoved === true || !refersTo(other, ids) ? other : { ...other, isMoved: true };
    });
  }

  /**
   * What follows a message that will never be there follows what that one would have. As in `#sendAnew`, that is stored
   * before the message itself is changed or gone: the storage may lose what was written last, and what was left behind
   * would refer to nothing.
   */
  #moveFrom(gone: OutboxEntry): void {
    if (isStandIn(gone)) return;
    const parent = parentOf(gone);
    this.#changeAll((other) => reparented(other, idsOf(this.producer, gone), parent));
  }

  #changeAll(changed: (entry: OutboxEntry, lane: OutboxLane) => OutboxEntry): void {
    for (const lane of this.#options.lanes()) {
      for (const waiting of lane.#waiting.values()) {
        const entry = changed(waiting.entry, lane);
        if (entry !== waiting.entry) lane.#change(waiting, entry);
      }
    }
  }

  /** Something that the record refers to and that has no verdict yet. */
  #unjudgedIn(waiting: Waiting): Waiting | undefined {
    for (const lane of this.#options.lanes()) {
      for (const other of lane.#waiting.values()) {
        const isOther = other !== waiting && !isStandIn(other.entry);
        if (isOther && refersTo(waiting.entry, idsOf(lane.producer, other.entry))) return other;
      }
    }
    return undefined;
  }

  /** A record has its verdict: those that were early are sent anew where it was the last that they waited for. */
  #lookAgain(): void {
    for (const lane of this.#options.lanes()) {
      for (const [waiting, awaited] of [...lane.#early]) {
        if (!lane.#early.has(waiting)) continue;
        const isMoved = waiting.entry.isMoved === true;
        if (!isMoved && !awaited.isOver && !isStandIn(awaited.entry)) continue;
        const next = isMoved ? undefined : this.#unjudgedIn(waiting);
        if (next === undefined) lane.#sendAnew(waiting);
        else lane.#early.set(waiting, next);
      }
    }
  }

  #change(waiting: Waiting, entry: OutboxEntry): void {
    waiting.entry = entry;
    // Without room for what it has become, what it was is there until there is some.
    if (waiting.isKept) waiting.isKept = this.#keep(entry);
  }

  #mend(expected: number): void {
    if (this.#retry.running) return;
    // What goes anew has had its number judged.
    const { number: first = expected } = this.entries.find(({ anew }) => anew === undefined) ?? {};
    if (first > expected) {
      const message = "records before these were lost here; send again";
      this.fail(new PerdureError("producer_gap", message, { expected }));
      return this.#lookAgain();
    }
    if (expected === this.#mending) return;
    this.#mending = expected;
    this.#sendFrom(expected);
  }

  #sendLater(number: number, delayMs: number): void {
    this.#retryFrom = Math.min(this.#retryFrom, number);
    if (!this.#retry.running) this.#retry.start(delayMs, () => this.#sendFrom(this.#retryFrom));
  }

  // What is not taken changes what follows it, so that nothing is looked at before its turn.
  #sendFrom(first: number): void {
    this.#retry.stop();
    this.#retryFrom = Infinity;
    for (const [number, waiting] of this.#waiting) if (number >= first && !this.#transmit(waiting)) return;
  }

  /** False: the session is not attached. */
  #transmit(waiting: Waiting): boolean {
    const { producer, number } = nameOf(this.producer, waiting.entry);
    const outcome = this.#options.transmit(producer, { ...waiting.entry, number });
    if (outcome === "sent" && !isStandIn(waiting.entry)) waiting.unanswered += 1;
    if (!(outcome instanceof PerdureError)) return outcome === "sent";
    if (isStandIn(waiting.entry)) return false;
    this.#standIn(waiting, outcome);
    return this.#transmit(waiting);
  }
}
