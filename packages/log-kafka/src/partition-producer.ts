import { LaneQueue, LogError } from "@perdure/log";
import type { Appended, LogLimits, NewEntry, QueuedItem } from "@perdure/log";
import { Backoff } from "./backoff.ts";
import { produceVerdict } from "./protocol-errors.ts";
import type { ProduceChannel } from "./produce-channel.ts";
import type { BatchAnswer } from "./produce-request.ts";
import type { ProducerIdentity } from "./producer-identity.ts";

/** One entry on its way to a broker, and who waits for it. */
export interface PendingAppend extends QueuedItem {
  readonly entry: NewEntry;
  readonly handedInMs: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/** What goes out together, and goes out again unchanged until its outcome is known. */
export interface Batch {
  readonly items: readonly PendingAppend[];
  readonly identity: ProducerIdentity;
  readonly firstSequence: number;
  /** Since when the first of its writers waits: what stood in line behind a batch that was given up has waited too. */
  readonly sinceMs: number;
}

/** What is to happen after a batch has been answered. */
export type AfterAnswer = "next" | "retry" | "retry_elsewhere";

export interface PartitionProducerSettings {
  readonly limits: LogLimits;
  readonly deliveryTimeoutMs: number;
  readonly closing: AbortSignal;
  /** Called with an identity under which nothing new may be sent any more. */
  readonly retire: (identity: ProducerIdentity) => void;
  /** Called when so many entries have been acknowledged or refused. */
  readonly onSettled: (count: number) => void;
}

const SEQUENCES = 2 ** 31;

/** The writing end of one partition: its queue, the one batch in flight, and the sequence that brokers check it by. */
export class PartitionProducer {
  readonly topic: string;
  readonly index: number;
  readonly queue: LaneQueue<PendingAppend>;
  readonly backoff: Backoff;
  readonly #limits: LogLimits;
  readonly #deliveryTimeoutMs: number;
  readonly #retire: (identity: ProducerIdentity) => void;
  readonly #onSettled: (count: number) => void;
  #batch: Batch | undefined;
  #identity: ProducerIdentity | undefined;
  #nextSequence = 0;
  /** Entries of a batch that was too large as a whole; each then goes alone. */
  #singly: PendingAppend[] = [];
  #stalledSinceMs: number | undefined;
  /** True from when a batch has been taken, or could not be, until it may be taken (again). */
  isBusy = false;
  /** Where its next batch waits to be taken: at one broker only, since two batches in flight would be confused. */
  offeredTo: ProduceChannel | undefined;

  constructor(place: { readonly topic: string; readonly index: number }, settings: PartitionProducerSettings) {
    this.topic = place.topic;
    this.index = place.index;
    this.#limits = settings.limits;
    this.#deliveryTimeoutMs = settings.deliveryTimeoutMs;
    this.#retire = settings.retire;
    this.#onSettled = settings.onSettled;
    this.queue = new LaneQueue(settings.limits);
    this.backoff = new Backoff(settings.closing);
  }

  get hasWork(): boolean {
    return this.#batch !== undefined || this.#singly.length > 0 || this.queue.waitingCount > 0;
  }

  /**
   * The batch whose outcome is unknown, else a new one under `identity`. A kept batch keeps its own identity unless
   * that was retired. Call only while there is work.
   */
  takeBatch(identity: ProducerIdentity): Batch {
    this.isBusy = true;
    this.#stalledSinceMs = undefined;
    if (this.#identity !== identity && (this.#batch === undefined || this.#identity === undefined)) {
      this.#identity = identity;
      this.#nextSequence = 0;
    }
    this.#batch = this.#batch === undefined ? this.#newBatch(identity) : this.#keptBatch(this.#batch, identity);
    return this.#batch;
  }

  /** No batch can be sent now: there is no leader, or no identity to send under. */
  stall(nowMs: number): void {
    this.isBusy = true;
    this.#stalledSinceMs ??= nowMs;
  }

  /** Settles the batch in flight by its answer, or keeps it for another try; no answer leaves its outcome unknown. */
  answer(answer: BatchAnswer | undefined, nowMs: number): AfterAnswer {
    const batch = this.#batch;
    if (batch === undefined) return "next";
    const verdict = answer === undefined ? "retry_elsewhere" : produceVerdict(answer.code);
    switch (verdict) {
      case "done":
        this.#acknowledge(batch, answer?.baseOffset ?? 0);
        return "next";
      case "too_large":
        this.#splitOrRefuse(batch);
        return "next";
      case "renew_producer":
        this.#forgetIdentity(batch);
        return this.#keepUnlessLate(batch, nowMs, "retry");
      case "refused":
        // Whether it counts as numbered is the broker's secret now.
        this.#forgetIdentity(batch);
        this.#settle(batch, refusedError(answer?.code ?? -1));
        return "next";
      default:
        return this.#keepUnlessLate(batch, nowMs, verdict);
    }
  }

  /** Gives up the kept batch, and what waits while nothing can be sent at all, when its time has passed. */
  giveUpIfLate(nowMs: number): void {
    if (this.#batch !== undefined) this.#keepUnlessLate(this.#batch, nowMs, "next");
    const isLate = this.#stalledSinceMs !== undefined && nowMs - this.#stalledSinceMs >= this.#deliveryTimeoutMs;
    if (isLate && this.#batch === undefined) this.refuseAll(this.#lateError());
  }

  /** Refuses everything that waits. */
  refuseAll(error: LogError): void {
    if (this.#batch !== undefined) this.#settle(this.#batch, error);
    const waiting = [...this.#singly, ...this.queue.take(Number.MAX_SAFE_INTEGER)];
    this.#singly = [];
    for (const item of waiting) this.#refuse(item, error);
  }

  #newBatch(identity: ProducerIdentity): Batch {
    const single = this.#singly.shift();
    const items = single === undefined ? this.queue.take(this.#limits.batchBytes) : [single];
    const sinceMs = items.reduce((earliest, { handedInMs }) => Math.min(earliest, handedInMs), Infinity);
    return { items, identity, firstSequence: this.#takeSequences(items.length), sinceMs };
  }

  #keptBatch(batch: Batch, identity: ProducerIdentity): Batch {
    if (this.#identity === batch.identity) return batch;
    return { ...batch, identity, firstSequence: this.#takeSequences(batch.items.length) };
  }

  #takeSequences(count: number): number {
    const first = this.#nextSequence;
    this.#nextSequence = (first + count) % SEQUENCES;
    return first;
  }

  #acknowledge(batch: Batch, baseOffset: number): void {
    this.#batch = undefined;
    this.backoff.reset();
    let offset = baseOffset;
    for (const item of batch.items) {
      this.queue.release(item);
      item.resolve({ partition: this.index, offset });
      offset += 1;
    }
    this.#onSettled(batch.items.length);
  }

  /** A batch that was refused whole has left no trace, so its sequences are free again. */
  #splitOrRefuse(batch: Batch): void {
    this.#nextSequence = batch.firstSequence;
    if (batch.items.length === 1) {
      const message = `${this.topic} takes no entry of this size: send less in one entry, or raise max.message.bytes`;
      this.#settle(batch, new LogError("too_large", message));
      return;
    }
    this.#batch = undefined;
    this.#singly = [...batch.items, ...this.#singly];
  }

  #keepUnlessLate(batch: Batch, nowMs: number, otherwise: AfterAnswer): AfterAnswer {
    if (nowMs - batch.sinceMs < this.#deliveryTimeoutMs) return otherwise;
    // What was given up may yet be in the log: going on under its identity, a later batch could be taken for it.
    this.#forgetIdentity(batch);
    this.#settle(batch, this.#lateError());
    return "next";
  }

  #lateError(): LogError {
    const message = `no broker took entries of ${this.topic}[${this.index}] in ${this.#deliveryTimeoutMs} ms: send again`;
    return new LogError("unavailable", message, { retryAfterMs: this.#limits.retryAfterMs });
  }

  #forgetIdentity(batch: Batch): void {
    this.#retire(batch.identity);
    this.#identity = undefined;
  }

  #settle(batch: Batch, error: LogError): void {
    this.#batch = undefined;
    for (const item of batch.items) this.#refuse(item, error);
  }

  #refuse(item: PendingAppend, error: LogError): void {
    this.queue.release(item);
    item.reject(error);
    this.#onSettled(1);
  }
}

function refusedError(code: number): LogError {
  return new LogError(
    "unavailable",
    `Kafka refused the entries with its error ${code}: look at the broker's log and at the rights of this client`,
  );
}
