import { type Code, PerdureError } from "@perdure/core";
import type { AudienceJson, EventJson } from "@perdure/protocol";
import type { AckFrame } from "@perdure/protocol/frames";
import { anewOf, isStandIn, nameOf, type OutboxEntry } from "./outbox-entry.ts";
import { type IdOf, type LaneName, type LaneOptions, OutboxLane } from "./outbox-lane.ts";
import type { StoredLane } from "./outbox-store.ts";
import type { PendingRecord } from "./pending.ts";

/** `producer`: what its producers' ids begin with, unique to this outbox. */
export interface OutboxOptions extends Omit<LaneOptions, "name" | "lanes">, LaneName {
  /** Records that may wait for their verdict. */
  readonly unjudgedCount: number;
}

/** A record on its way: how its items are called once it is accepted; rejects with the PerdureError that refused it. */
export type Sent = Promise<IdOf>;

/** What is to be written. */
export interface Draft {
  readonly epoch?: string;
  readonly audience?: AudienceJson;
  readonly events: readonly EventJson[];
}

const LOST_PRODUCER: ReadonlySet<Code> = new Set([
  "producer_gap",
  "producer_conflict",
  "producer_expired",
  "session_replaced",
]);

/** All that a session has on its way: this page's records and those taken over from pages that are gone. */
export class Outbox {
  readonly #options: OutboxOptions;
  /** By producer: of this page, and of pages that are gone. */
  readonly #lanes = new Map<string, OutboxLane>();
  #own: OutboxLane | undefined;
  #generation = 0;
  #born = 0;
  #epoch: number | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What waits. */
  get pending(): readonly PendingRecord[] {
    return [...this.#lanes.values()].flatMap(({ producer, entries }) =>
      entries.map((entry) => ({ ...nameOf(producer, entry), events: entry.events })),
    );
  }

  get size(): number {
    let size = 0;
    for (const lane of this.#lanes.values()) size += lane.size;
    return size;
  }

  /** Of what waits, what would be lost with the page: there is no room on this device, or it is not known who is here. */
  get unsavedCount(): number {
    let count = 0;
    for (const lane of this.#lanes.values()) count += lane.unsavedCount;
    return count;
  }

  /** Queues a record under the next number; `draft` gets the ids of its items. `seq`, `epoch`: the session's, as known here. */
  add(draft: (idOf: IdOf) => Draft, seq: number, epoch?: number): Sent {
    const { size } = this;
    if (size >= this.#options.unjudgedCount) {
      const message = `${size} records wait for their verdict: send again when some have theirs`;
      return Promise.reject(new PerdureError("overloaded", message));
    }
    // Another life of the name knows nothing of the numbers before.
    if (this.#epoch !== undefined && epoch !== this.#epoch) this.#own = undefined;
    this.#epoch = epoch;
    const lane = (this.#own ??= this.#begin(seq));
    const number = lane.nextNumber;
    const applied = lane.add({ number, born: this.#born, ...draft(lane.idOf({ number })) });
    applied.catch((error: unknown) => this.#retire(lane, error));
    return applied;
  }

  /** Stores what could not be stored yet. */
  keep(): void {
    for (const lane of this.#lanes.values()) lane.keep();
    this.#options.onChange();
  }

  /** Sends what is stored and has nobody who sends it, under its id. `onRefused`: nobody else waits for the outcome. */
  adopt(stored: StoredLane, onRefused: (entry: OutboxEntry, error: unknown) => void): void {
    if (this.#lanes.has(stored.producer)) return;
    const lane = this.#lane(stored);
    this.#putOwnLast();
    for (const entry of stored.entries) {
      lane.add(entry, true).catch((error: unknown) => {
        if (!isStandIn(entry)) onRefused(entry, error);
      });
    }
  }

  attached(): void {
    for (const lane of this.#lanes.values()) lane.attached();
  }

  detached(): void {
    for (const lane of this.#lanes.values()) lane.detached();
  }

  onAck(ack: AckFrame): void {
    const lane = this.#lanes.get(ack.p);
    if (lane !== undefined) return lane.onAck(ack);
    const { producer = "", number, anew } = anewOf({ producer: ack.p, number: ack.n }) ?? {};
    this.#lanes.get(producer)?.onAck(ack, number, anew);
  }

  /** Gives up on all that waits. Its numbers are gone, so what comes next goes under a new producer. */
  fail(error: PerdureError): void {
    this.#own = undefined;
    for (const lane of this.#lanes.values()) lane.fail(error);
  }

  abandon(error: PerdureError): void {
    for (const lane of this.#lanes.values()) lane.abandon(error);
  }

  #begin(seq: number): OutboxLane {
    this.#born = seq;
    this.#generation += 1;
    const { page, session, producer } = this.#options;
    return this.#lane({
      page,
      session,
      producer: this.#generation === 1 ? producer : `${producer}-${this.#generation}`,
    });
  }

  /** Where the session no longer knows the producer, a new id goes on. */
  #retire(lane: OutboxLane, error: unknown): void {
    if (isLostProducer(error) && this.#own === lane) this.#own = undefined;
  }

  #lane({ page, session, producer }: LaneName): OutboxLane {
    const lanes = (): Iterable<OutboxLane> => this.#lanes.values();
    const name = { page, session, producer };
    const lane = new OutboxLane({ ...this.#options, name, lanes });
    this.#lanes.set(producer, lane);
    return lane;
  }

  /** What is written here may follow what others wrote, so that comes first. */
  #putOwnLast(): void {
    const own = this.#own;
    if (own === undefined) return;
    this.#lanes.delete(own.producer);
    this.#lanes.set(own.producer, own);
  }
}

const isLostProducer = (error: unknown): boolean => error instanceof PerdureError && LOST_PRODUCER.has(error.code);
