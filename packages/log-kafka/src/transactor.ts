import { checkedSizeBytes, LogError, Turns } from "@perdure/log";
import type { CheckpointScope, NewEntry, Ownership } from "@perdure/log";
import type { ConnectionPool } from "@platformatic/kafka";
import { setTimeout as sleep } from "node:timers/promises";
import { Backoff } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { AskBounds } from "./follow-set.ts";
import { placeName, produce } from "./produce-request.ts";
import type { BatchAnswer, ProduceRequest } from "./produce-request.ts";
import { Code, produceVerdict } from "./protocol-errors.ts";
import type { ProducerIdentity } from "./producer-identity.ts";
import { encodeBatch } from "./record-batch.ts";
import { NO_ANSWER, TransactionCalls, TransactionRefusal } from "./transaction-calls.ts";

/** The group that the checkpoints of a transactor are fenced by. */
export interface FencedBy {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
}

/** What transactors of one log share. */
export interface TransactorAccess {
  readonly pool: ConnectionPool;
  /** Bounds as a reader of committed entries sees them. */
  readonly askBounds: AskBounds;
}

/** How often it is asked whether a commit has reached the readers of a partition. */
const VISIBLE_EVERY_MS = 2;

const staleGeneration = new Set<number>([
  Code.illegalGeneration,
  Code.unknownMember,
  Code.rebalanceInProgress,
  Code.fencedInstance,
]);
const lostEpoch = new Set<number>([Code.producerFenced, Code.invalidProducerEpoch, Code.invalidProducerId]);

/**
 * The checkpoints of one partition, one after the other, under a transactional id that belongs to the partition and not
 * to the process: who gains the partition takes the id over, which rolls back what its earlier owner left open and
 * shuts that one out, also between its last step and its commit. The group's generation, committed along, shuts out an
 * ownership from before a rebalance that left the partition where it was.
 */
export class Transactor {
  readonly #cluster: Cluster;
  readonly #pool: ConnectionPool;
  readonly #askBounds: AskBounds;
  readonly #calls: TransactionCalls;
  readonly #fencedBy: FencedBy;
  readonly #sequences = new Map<string, number>();
  #identity: ProducerIdentity | undefined;
  readonly #turns = new Turns();

  constructor(cluster: Cluster, access: TransactorAccess, fencedBy: FencedBy) {
    this.#cluster = cluster;
    this.#pool = access.pool;
    this.#askBounds = access.askBounds;
    this.#fencedBy = fencedBy;
    this.#calls = new TransactionCalls(cluster, `${fencedBy.groupId}/${fencedBy.partition}`);
  }

  /** Takes the partition's transactional id over. */
  async claim(): Promise<void> {
    await this.#turns.take(() => this.#claim());
  }

  /** As `Log.checkpoint`; `isCurrent` is asked right before anything is done. */
  async run(
    ownership: Ownership,
    isCurrent: () => boolean,
    write: (scope: CheckpointScope) => Promise<void>,
    groupOffset: number,
  ): Promise<void> {
    await this.#turns.take(async () => {
      if (!isCurrent()) throw fencedError(ownership);
      const identity = this.#identity ?? (await this.#claim().catch((cause: unknown) => this.#fail(cause)));
      await this.#transact(identity, ownership, write, groupOffset).catch(async (error: unknown) => {
        await this.#rollBack(identity);
        throw this.#explain(error, ownership, isCurrent);
      });
    });
  }

  async #transact(
    identity: ProducerIdentity,
    ownership: Ownership,
    write: (scope: CheckpointScope) => Promise<void>,
    offset: number,
  ): Promise<void> {
    const written = new Map<string, number>();
    const scope = new TransactionScope((topic, entry) => this.#append(identity, written, topic, entry));
    await write(scope).catch((cause: unknown) => {
      throw new WriteFailure(cause);
    });
    await scope.seal();
    await this.#calls.commitGroupOffset(identity, { ...this.#fencedBy, ...ownership, offset });
    await this.#calls.end(identity, true);
    await this.#untilVisible(written);
  }

  /**
   * A commit is decided before each partition's readers learn of it. Settling only then costs little: the next
   * checkpoint could not begin earlier. Where nobody can be asked, what was decided stays decided.
   */
  async #untilVisible(written: ReadonlyMap<string, number>): Promise<void> {
    const untilMs = Date.now() + this.#cluster.settings.checkpointTimeoutMs;
    for (const [topic, offset] of written) {
      while (Date.now() < untilMs) {
        const bounds = await this.#askBounds(topic, this.#fencedBy.partition).catch(() => undefined);
        if (bounds === undefined || bounds.end > offset) break;
        await sleep(VISIBLE_EVERY_MS);
      }
    }
  }

  async #claim(): Promise<ProducerIdentity> {
    this.#identity = await this.#calls.begin(this.#cluster.settings.checkpointTimeoutMs);
    this.#sequences.clear();
    return this.#identity;
  }

  /** The next checkpoint begins under a new epoch: what this one's broken steps left of their sequences is unknown. */
  async #rollBack(identity: ProducerIdentity): Promise<void> {
    this.#identity = undefined;
    // Where even this fails, the next claim of the partition does it.
    await this.#calls.end(identity, false).catch(() => undefined);
  }

  #explain(failure: unknown, ownership: Ownership, isCurrent: () => boolean): unknown {
    const error = failure instanceof WriteFailure ? failure.cause : failure;
    if (!(error instanceof TransactionRefusal))
      return failure instanceof WriteFailure ? error : this.#asLogError(error);
    if (staleGeneration.has(error.code)) return fencedError(ownership);
    if (lostEpoch.has(error.code) && !isCurrent()) return fencedError(ownership);
    return this.#asLogError(error);
  }

  #fail(cause: unknown): never {
    throw this.#asLogError(cause);
  }

  #asLogError(cause: unknown): LogError {
    if (cause instanceof LogError) return cause;
    const { retryAfterMs } = this.#cluster.settings.limits;
    const message = `a checkpoint of partition ${this.#fencedBy.partition} did not go through: make it again`;
    return new LogError("unavailable", message, { retryAfterMs, cause });
  }

  async #append(
    identity: ProducerIdentity,
    written: Map<string, number>,
    topic: string,
    entry: NewEntry,
  ): Promise<number> {
    checkedSizeBytes(entry, this.#cluster.settings.limits);
    const name = this.#cluster.settings.topicPrefix + topic;
    const { partition } = this.#fencedBy;
    await this.#cluster.topicWith(name, partition);
    if (!written.has(name)) await this.#calls.addPartition(identity, name, partition);
    written.set(name, -1);
    const firstSequence = this.#sequences.get(name) ?? 0;
    this.#sequences.set(name, firstSequence + 1);
    const timestampMs = Date.now();
    const bytes = encodeBatch({ identity, firstSequence, isTransactional: true, timestampMs }, [entry]);
    const offset = await this.#produce(name, bytes);
    written.set(name, offset);
    return offset;
  }

  /** Sends one batch until its outcome is known; the same batch twice is one. */
  async #produce(topic: string, bytes: Buffer): Promise<number> {
    const backoff = new Backoff(this.#cluster.closing);
    const { partition } = this.#fencedBy;
    const { requestTimeoutMs, checkpointTimeoutMs } = this.#cluster.settings;
    const untilMs = Date.now() + checkpointTimeoutMs;
    const topics = new Map([[topic, [{ partition, bytes }]]]);
    for (;;) {
      const request = { transactionalId: this.#calls.transactionalId, timeoutMs: requestTimeoutMs, topics };
      const answer = await this.#ask(topic, request).catch(() => undefined);
      const verdict = answer === undefined ? "retry_elsewhere" : produceVerdict(answer.code);
      if (answer !== undefined && verdict === "done") return answer.baseOffset;
      if (verdict === "too_large") throw tooLargeError(topic);
      const mayRetry = (verdict === "retry" || verdict === "retry_elsewhere") && Date.now() < untilMs;
      if (!mayRetry || !(await backoff.wait())) throw new TransactionRefusal(answer?.code ?? NO_ANSWER, undefined);
      await this.#cluster.refresh().catch(() => undefined);
    }
  }

  async #ask(topic: string, request: ProduceRequest): Promise<BatchAnswer | undefined> {
    const { partition } = this.#fencedBy;
    const leader = this.#cluster.knownTopic(topic)?.leaders[partition] ?? -1;
    const connection = await this.#cluster.connection(this.#pool, leader);
    return (await produce(connection, request)).get(placeName(topic, partition));
  }
}

/** What the write function of a checkpoint threw: its caller gets just that. */
class WriteFailure extends Error {
  constructor(cause: unknown) {
    super("the write function of a checkpoint failed", { cause });
  }
}

/** What a write function appends through: one entry after the other, until it has returned. */
class TransactionScope implements CheckpointScope {
  readonly #append: (topic: string, entry: NewEntry) => Promise<number>;
  #last: Promise<unknown> = Promise.resolve();
  #isOpen = true;

  constructor(append: (topic: string, entry: NewEntry) => Promise<number>) {
    this.#append = append;
  }

  async append(topic: string, entry: NewEntry): Promise<number> {
    if (!this.#isOpen) throw new LogError("closed", "this checkpoint has ended: append within its write function");
    const offset = this.#last.then(() => this.#append(topic, entry));
    this.#last = offset;
    // Whoever hands in several and waits for the first that fails has heard enough.
    offset.catch(() => undefined);
    return offset;
  }

  /** Waits for appends that the write function did not wait for. Rejects where one of them failed. */
  async seal(): Promise<void> {
    this.#isOpen = false;
    await this.#last;
  }
}

function tooLargeError(topic: string): LogError {
  return new LogError("too_large", `${topic} takes no entry of this size: write less in one entry`);
}

/** The refusal of a checkpoint whose owner is no longer the partition's. */
export function fencedError({ partition, generation }: Ownership): LogError {
  const message = `partition ${partition} is no longer owned under generation ${generation}: drop what was not checkpointed`;
  return new LogError("fenced", message);
}
