import {
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  endTxnV3,
  initProducerIdV4,
  txnOffsetCommitV3,
} from "@platformatic/kafka";
import type { Connection } from "@platformatic/kafka";
import { setTimeout as sleep } from "node:timers/promises";
import { Backoff } from "./backoff.ts";
import type { Cluster, CoordinatorKind } from "./cluster.ts";
import type { ProducerIdentity } from "./producer-identity.ts";
import { Code, codesOf } from "./protocol-errors.ts";

/** The transaction before is about to end at its coordinator: it takes milliseconds, so it is asked again soon. */
const STILL_ENDING_MS = 5;

const stillBusy = new Set<number>([Code.concurrentTransactions, Code.coordinatorLoading]);
const movedCoordinator = new Set<number>([Code.coordinatorUnavailable, Code.notCoordinator]);

/** Of a step that no broker answered in time. */
export const NO_ANSWER = -1;

/** A broker refused a step of a transaction, or did not answer. */
export class TransactionRefusal extends Error {
  readonly code: number;

  constructor(code: number, cause: unknown) {
    const what = code === NO_ANSWER ? "did not answer" : `refused, with its error ${code},`;
    super(`Kafka ${what} a step of a checkpoint`, { cause });
    this.code = code;
  }
}

/** Who says that a partition of a group's topic is covered up to an offset, and under which generation. */
export interface GroupOffset {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly member: string;
  readonly generation: number;
  readonly offset: number;
}

/**
 * The steps of a transaction under one transactional id. Each is repeated while its coordinator moves, loads, or still
 * ends the transaction before. Rejects with `TransactionRefusal` for any other answer.
 */
export class TransactionCalls {
  readonly #cluster: Cluster;
  readonly #id: string;
  readonly #coordinators = new Map<string, number>();

  constructor(cluster: Cluster, transactionalId: string) {
    this.#cluster = cluster;
    this.#id = transactionalId;
  }

  get transactionalId(): string {
    return this.#id;
  }

  /** A new epoch under this id: rolls back what the one before left open, and fences it. */
  async begin(timeoutMs: number): Promise<ProducerIdentity> {
    const { producerId, producerEpoch } = await this.#ask("transaction", this.#id, (connection) =>
      initProducerIdV4.api.async(connection, this.#id, timeoutMs, -1n, -1),
    );
    return { producerId, producerEpoch };
  }

  async addPartition(identity: ProducerIdentity, topic: string, partition: number): Promise<void> {
    const topics = [{ name: topic, partitions: [partition] }];
    const transaction = { transactionalId: this.#id, ...identity, verifyOnly: false, topics };
    await this.#ask("transaction", this.#id, (connection) => addPartitionsToTxnV3.api.async(connection, [transaction]));
  }

  /** Makes the group's offset part of the transaction; refused where the member or its generation is not current. */
  async commitGroupOffset(identity: ProducerIdentity, covered: GroupOffset): Promise<void> {
    const { producerId, producerEpoch } = identity;
    await this.#ask("transaction", this.#id, (connection) =>
      addOffsetsToTxnV3.api.async(connection, this.#id, producerId, producerEpoch, covered.groupId),
    );
    const partitions = [
      { partitionIndex: covered.partition, committedOffset: BigInt(covered.offset), committedLeaderEpoch: -1 },
    ];
    const topics = [{ name: covered.topic, partitions }];
    const { groupId, generation, member } = covered;
    await this.#ask("group", groupId, (connection) =>
      txnOffsetCommitV3.api.async(
        connection,
        this.#id,
        groupId,
        producerId,
        producerEpoch,
        generation,
        member,
        null,
        topics,
      ),
    );
  }

  /** Saying the same end twice is one end, so a lost answer is asked for again. */
  async end(identity: ProducerIdentity, isCommit: boolean): Promise<void> {
    const { producerId, producerEpoch } = identity;
    await this.#ask("transaction", this.#id, (connection) =>
      endTxnV3.api.async(connection, this.#id, producerId, producerEpoch, isCommit),
    );
  }

  async #ask<T>(kind: CoordinatorKind, key: string, call: (connection: Connection) => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.#cluster.closing);
    const untilMs = Date.now() + this.#cluster.settings.checkpointTimeoutMs;
    for (;;) {
      try {
        return await call(await this.#connection(kind, key));
      } catch (cause) {
        const goesOn = (await this.#mayAskAgain(cause, kind, backoff)) && Date.now() <= untilMs;
        if (!goesOn) throw new TransactionRefusal(NO_ANSWER, cause);
      }
    }
  }

  /** Waits as the failure asks for; false where asking again is of no use. */
  async #mayAskAgain(cause: unknown, kind: CoordinatorKind, backoff: Backoff): Promise<boolean> {
    const code = codesOf(cause).find((each) => each !== Code.none);
    if (code !== undefined && stillBusy.has(code)) {
      await sleep(STILL_ENDING_MS);
      return !this.#cluster.closing.aborted;
    }
    if (code !== undefined && !movedCoordinator.has(code)) throw new TransactionRefusal(code, cause);
    this.#coordinators.delete(kind);
    if (!(await backoff.wait())) return false;
    await this.#cluster.refresh().catch(() => undefined);
    return true;
  }

  async #connection(kind: CoordinatorKind, key: string): Promise<Connection> {
    const known = this.#coordinators.get(kind);
    const nodeId = known ?? (await this.#cluster.coordinator(kind, key));
    this.#coordinators.set(kind, nodeId);
    return this.#cluster.control(nodeId);
  }
}
