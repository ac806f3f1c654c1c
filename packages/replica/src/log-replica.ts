import { FIRST_RULES, type PerdureError, RULE_BOOK } from "@perdure/core";
import { type Appended, partitionOf } from "@perdure/log";
import type { PageJson, RecordJson } from "@perdure/protocol";
import type { HeldSession, Replica, SessionListener } from "./api.ts";
import { type Clock, systemClock } from "./clock.ts";
import { catchingUp, unavailable } from "./errors.ts";
import { IdleSet } from "./idle-set.ts";
import { inTime } from "./in-time.ts";
import { DEFAULT_REPLICA_LIMITS, type ReplicaLimits, type ReplicaOptions } from "./options.ts";
import { PageReader } from "./page-reader.ts";
import { PartitionReplica } from "./partition-replica.ts";
import { PartitionTail } from "./partition-tail.ts";
import { recordAppender } from "./record-appender.ts";
import type { SessionFold } from "./session-fold.ts";
import { TOPICS } from "./topics.ts";

/** What edge and ingest see of the log. Nothing is followed until the first attach. */
export function createReplica(options: ReplicaOptions): Replica {
  return new LogReplica(options);
}

/** A partition that was trimmed past this process is opened again, so an attach tries more than one of them. */
const PARTITIONS_TRIED = 3;

class LogReplica implements Replica {
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #limits: ReplicaLimits;
  readonly #eventsTail: PartitionTail;
  readonly #indexTail: PartitionTail;
  readonly #pages: PageReader;
  readonly #partitions = new Map<number, PartitionReplica>();
  readonly #idleSessions: IdleSet<SessionFold>;
  readonly #idlePartitions: IdleSet<PartitionReplica>;
  #sessionCount = 0;
  #closed = false;

  constructor(options: ReplicaOptions) {
    const { log, logger, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#limits = { ...DEFAULT_REPLICA_LIMITS, ...options.limits };
    this.#eventsTail = new PartitionTail(log, TOPICS.events, clock, logger);
    this.#indexTail = new PartitionTail(log, TOPICS.index, clock, logger);
    this.#pages = new PageReader(log);
    const { sessionIdleMs, partitionIdleMs } = this.#limits;
    this.#idleSessions = new IdleSet(clock, sessionIdleMs, (session) => session.close(this.#letGo("the session")));
    this.#idlePartitions = new IdleSet(clock, partitionIdleMs, (partition) =>
      partition.close(this.#letGo("the partition")),
    );
  }

  async attach(sessionKey: string, listener: SessionListener): Promise<HeldSession> {
    const late = new AbortController();
    const attached = this.#attach(sessionKey, listener, late.signal);
    try {
      return await this.#inTime(attached, `${sessionKey} is still being read`, () => late.abort());
    } catch (error) {
      // Nobody waits for it any more, so nobody would let go of it.
      attached.then(
        (held) => held.detach(),
        () => undefined,
      );
      throw error;
    }
  }

  async readPage(sessionKey: string, epoch: number, pageNumber: number): Promise<PageJson | undefined> {
    const partition = this.#partition(this.#partitionOf(sessionKey));
    const session = partition.held(sessionKey);
    const unwritten = session?.pages.get(epoch, pageNumber);
    if (unwritten !== undefined) return unwritten;
    const wanted = { partition: partition.partition, sessionKey, epoch, number: pageNumber };
    const reading = this.#pages.read(wanted, () => partition.indexEntry(sessionKey));
    const page = await this.#inTime(reading, `page ${pageNumber} of ${sessionKey} is still being read`).catch(
      (error: unknown) => {
        throw unavailable(error, this.#limits.retryAfterMs);
      },
    );
    if (page === undefined && session !== undefined && pageNumber < session.state.nextPage) {
      throw catchingUp(`page ${pageNumber} of ${sessionKey} is not written yet`, this.#limits.retryAfterMs);
    }
    return page;
  }

  async append(sessionKey: string, record: RecordJson): Promise<Appended> {
    return recordAppender(this.#options.log, this.#partitionOf(sessionKey), sessionKey)(record);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const error = unavailable("this node stops", this.#limits.retryAfterMs);
    for (const partition of [...this.#partitions.values()]) partition.close(error);
    this.#idleSessions.close();
    this.#idlePartitions.close();
    await Promise.all([this.#eventsTail.close(), this.#indexTail.close()]);
  }

  async #attach(sessionKey: string, listener: SessionListener, late: AbortSignal): Promise<HeldSession> {
    for (let tried = 1; ; tried += 1) {
      const partition = this.#partition(this.#partitionOf(sessionKey));
      try {
        return await partition.attach(sessionKey, listener, late);
      } catch (error) {
        const isWanted = !late.aborted && !this.#closed;
        const again = partition.closed?.code === "catching_up" && tried < PARTITIONS_TRIED && isWanted;
        if (!again) throw unavailable(error, this.#limits.retryAfterMs);
      }
    }
  }

  #partitionOf(sessionKey: string): number {
    return partitionOf(sessionKey, this.#options.partitions);
  }

  #partition(index: number): PartitionReplica {
    if (this.#closed) throw unavailable("this node stops", this.#limits.retryAfterMs);
    const known = this.#partitions.get(index);
    const partition = known ?? this.#follow(index);
    this.#partitions.set(index, partition);
    if (partition.idle) this.#idlePartitions.add(partition);
    return partition;
  }

  #follow(partition: number): PartitionReplica {
    const { log, logger, book = RULE_BOOK, newSessionRules = () => FIRST_RULES } = this.#options;
    return new PartitionReplica({
      partition,
      log,
      logger,
      limits: this.#limits,
      book,
      newSessionRules,
      eventsTail: this.#eventsTail,
      indexTail: this.#indexTail,
      idleSessions: this.#idleSessions,
      admitSession: () => this.#admitSession(),
      onSessionGone: () => {
        this.#sessionCount -= 1;
      },
      onIdle: (idle) => this.#idlePartitions.add(idle),
      onClosed: (closed) => this.#partitionClosed(closed),
    });
  }

  #admitSession(): void {
    if (this.#sessionCount >= this.#limits.sessions && !this.#idleSessions.evictOne()) {
      throw unavailable(`this node holds ${this.#sessionCount} sessions, all it may`, this.#limits.retryAfterMs);
    }
    this.#sessionCount += 1;
  }

  #partitionClosed(partition: PartitionReplica): void {
    this.#idlePartitions.remove(partition);
    if (this.#partitions.get(partition.partition) === partition) this.#partitions.delete(partition.partition);
  }

  #letGo(what: string): PerdureError {
    return catchingUp(`${what} was idle and is no longer followed here`, this.#limits.retryAfterMs);
  }

  /** The outcome, or `catching_up` where it takes longer than an attach may. */
  #inTime<Result>(outcome: Promise<Result>, what: string, onLate?: () => void): Promise<Result> {
    const { attachMs, retryAfterMs } = this.#limits;
    return inTime(outcome, {
      clock: this.#clock,
      waitMs: attachMs,
      onLate: () => {
        onLate?.();
        return catchingUp(what, retryAfterMs);
      },
    });
  }
}
