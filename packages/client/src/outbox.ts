import { type Code, PerdureError } from "@perdure/core";
import type { AudienceJson, EventJson } from "@perdure/protocol";
import type { AckFrame } from "@perdure/protocol/frames";
import type { PendingRecord } from "./pending.ts";
import { isStandIn, type LaneOptions, type OutboxEntry, OutboxLane } from "./outbox-lane.ts";

export interface OutboxOptions extends Pick<LaneOptions, "clock" | "transmit"> {
  /** Names this page load. */
  readonly page: string;
  /** What its producers' ids begin with: unique to this outbox. */
  readonly producer: string;
  readonly save: (page: string, producer: string, entries: readonly OutboxEntry[]) => void;
  /** What waits has changed. */
  readonly onChange: () => void;
}

/** The id of the item that the record's event at `index` makes: `producer:number:index`. */
export type IdOf = (index: number) => string;

/** A record on its way. `applied`: the seq of its last event; rejects with the PerdureError that refused it. */
export interface Sent {
  readonly idOf: IdOf;
  readonly applied: Promise<number>;
}

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
  #last = 0;
  #born = 0;
  #epoch: number | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** What waits. */
  get pending(): readonly PendingRecord[] {
    return [...this.#lanes.values()].flatMap(({ producer, entries }) =>
      entries.map(({ number, events }) => ({ producer, number, events })),
    );
  }

  /** Queues a record under the next number; `draft` gets the ids of its items. `seq`, `epoch`: the session's, as known here. */
  add(draft: (idOf: IdOf) => Draft, seq: number, epoch?: number): Sent {
    // Another life of the name knows nothing of the numbers before.
    if (this.#epoch !== undefined && epoch !== this.#epoch) this.#own = undefined;
    this.#epoch = epoch;
    const lane = (this.#own ??= this.#begin(seq));
    this.#last += 1;
    const number = this.#last;
    const idOf: IdOf = (index) => `${lane.producer}:${number}:${index}`;
    const applied = lane.add({ number, born: this.#born, ...draft(idOf) });
    applied.catch((error: unknown) => this.#retire(lane, error));
    return { idOf, applied };
  }

  /** Sends what a page that is gone has left, under its id. `onRefused`: nobody else waits for the outcome. */
  adopt(
    page: string,
    producer: string,
    entries: readonly OutboxEntry[],
    onRefused: (entry: OutboxEntry, error: unknown) => void,
  ): void {
    const lane = this.#lane(page, producer);
    for (const entry of entries) {
      lane.add(entry).catch((error: unknown) => {
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
    this.#lanes.get(ack.p)?.onAck(ack);
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
    this.#generation += 1;
    this.#last = 0;
    this.#born = seq;
    const { page, producer } = this.#options;
    return this.#lane(page, this.#generation === 1 ? producer : `${producer}-${this.#generation}`);
  }

  /** Where the session no longer knows the producer, a new id goes on. */
  #retire(lane: OutboxLane, error: unknown): void {
    const lost = error instanceof PerdureError && LOST_PRODUCER.has(error.code);
    if (lost && this.#own === lane) this.#own = undefined;
  }

  #lane(page: string, producer: string): OutboxLane {
    const { clock, transmit, save, onChange } = this.#options;
    const lane: OutboxLane = new OutboxLane({
      producer,
      clock,
      transmit,
      onChange: () => {
        save(page, producer, lane.entries);
        onChange();
      },
    });
    this.#lanes.set(producer, lane);
    return lane;
  }
}
