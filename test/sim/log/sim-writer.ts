import { type Appended, LaneQueue, LogError, type LogLimits, type NewEntry, type QueuedItem } from "@perdure/log";
import type { BrokerPartition } from "./broker-partition.ts";
import type { Caller } from "./caller.ts";

interface Pending extends QueuedItem {
  readonly entry: NewEntry;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The writing end of one partition: one batch in flight, tried again until its outcome is known, so that it may stand in
 * the log twice but never behind what was handed in later.
 */
export class SimWriter {
  readonly #caller: Caller;
  readonly #writer: string;
  readonly #target: BrokerPartition;
  readonly #limits: LogLimits;
  readonly #queue: LaneQueue<Pending>;
  readonly #settledCalls: (() => void)[] = [];
  #busy = false;

  constructor(caller: Caller, writer: string, target: BrokerPartition, limits: LogLimits) {
    this.#caller = caller;
    this.#writer = writer;
    this.#target = target;
    this.#limits = limits;
    this.#queue = new LaneQueue(limits);
  }

  append(entry: NewEntry, lane: string, sizeBytes: number): Promise<Appended> {
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    if (!this.#queue.offer({ entry, lane, sizeBytes, resolve, reject })) {
      const { retryAfterMs } = this.#limits;
      throw new LogError("unavailable", "as much waits as may: send again later", { retryAfterMs });
    }
    if (!this.#busy) void this.#run();
    return promise;
  }

  /** Settles when nothing waits. */
  idle(): Promise<void> {
    if (!this.#busy) return Promise.resolve();
    return new Promise((resolve) => this.#settledCalls.push(resolve));
  }

  async #run(): Promise<void> {
    this.#busy = true;
    // What is handed in within the same tick goes out together.
    await Promise.resolve();
    while (this.#queue.waitingCount > 0) await this.#send(this.#queue.take(this.#limits.batchBytes));
    this.#busy = false;
    for (const settled of this.#settledCalls.splice(0)) settled();
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    const entries = batch.map(({ entry }) => entry);
    const { index: partition } = this.#target;
    try {
      const offsets = await this.#caller.call<readonly number[]>((reply, attempt) => {
        const stored = this.#caller.broker.append(this.#writer, this.#round + attempt, this.#target, entries);
        if (stored !== undefined) reply.answer(stored);
      });
      for (const [at, { resolve }] of batch.entries()) resolve({ partition, offset: offsets[at] ?? -1 });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#round += ATTEMPTS_A_ROUND;
    for (const item of batch) this.#queue.release(item);
  }

  #round = 0;
}

/** More than one batch is ever tried. */
const ATTEMPTS_A_ROUND = 1_000;
