import type { PerdureError, RuleBook } from "@perdure/core";
import type { Bounds, Entry, Log, LogError } from "@perdure/log";
import type { IndexEntryJson } from "@perdure/protocol";
import type { HeldSession, SessionListener } from "./api.ts";
import { entryKeyText } from "./entry-key.ts";
import { catchingUp, historyLost, unavailable } from "./errors.ts";
import type { IdleSet } from "./idle-set.ts";
import { LatestEnd } from "./latest-end.ts";
import { withLifeRules } from "./life-rules.ts";
import type { ReplicaLimits, ReplicaLogger } from "./options.ts";
import type { PartitionTail } from "./partition-tail.ts";
import { Position } from "./position.ts";
import { recordAppender } from "./record-appender.ts";
import { Ring } from "./ring.ts";
import { SessionFold } from "./session-fold.ts";
import { SessionIndex } from "./session-index.ts";
import { SessionLoader } from "./session-loader.ts";
import { TOPICS } from "./topics.ts";

export interface PartitionParts {
  readonly partition: number;
  readonly log: Log;
  readonly logger: ReplicaLogger;
  readonly limits: ReplicaLimits;
  readonly book: RuleBook;
  readonly newSessionRules: () => number;
  readonly eventsTail: PartitionTail;
  readonly indexTail: PartitionTail;
  readonly idleSessions: IdleSet<SessionFold>;
  /** Makes room for one more session; throws `unavailable` where there is none. */
  readonly admitSession: () => void;
  readonly onSessionGone: () => void;
  /** Its last session went. */
  readonly onIdle: (partition: PartitionReplica) => void;
  /** The partition is no longer followed: whoever needs it makes another. */
  readonly onClosed: (partition: PartitionReplica) => void;
}

/** What there is once the index has been read and the tail begins. */
interface Opened {
  readonly ring: Ring;
  readonly position: Position;
  readonly loader: SessionLoader;
}

/** What an attach waits for. */
interface Attaching {
  readonly sessionKey: string;
  readonly loading: Promise<SessionFold>;
  readonly end: LatestEnd;
  /** How far the index, and the events where they were followed, had been read when it began. */
  readonly indexReadTo: number;
  readonly eventsReadTo: number | undefined;
  /** How far they are to be read, where that is known. */
  awaitedEnd: number;
}

/** One partition as this process follows it: its index, its ring, and the sessions that are held in it. */
export class PartitionReplica {
  readonly partition: number;
  readonly #parts: PartitionParts;
  readonly #index: SessionIndex;
  #end: LatestEnd;
  readonly #sessions = new Map<string, SessionFold>();
  readonly #loading = new Map<string, Promise<SessionFold>>();
  readonly #opening: Promise<Opened>;
  #opened: Opened | undefined;
  #closed: PerdureError | undefined;

  constructor(parts: PartitionParts) {
    this.#parts = parts;
    this.partition = parts.partition;
    this.#end = new LatestEnd(parts.log, parts.partition);
    const { log, partition, indexTail: tail, logger } = parts;
    this.#index = new SessionIndex(
      { log, partition, tail, logger },
      {
        onWatermark: (covered) => this.#opened?.ring.trim(covered),
        onSession: (sessionKey, entry) => this.#headWritten(sessionKey, entry),
        onLost: (error) => this.#overtaken(error),
      },
    );
    this.#opening = this.#open();
    this.#opening.catch((error: unknown) => this.close(unavailable(error, this.#retryAfterMs)));
  }

  /** Why it is no longer followed. */
  get closed(): PerdureError | undefined {
    return this.#closed;
  }

  get idle(): boolean {
    return this.#sessions.size === 0 && this.#loading.size === 0;
  }

  /** The session as this process holds it now, if it does. */
  held(sessionKey: string): SessionFold | undefined {
    return this.#sessions.get(sessionKey);
  }

  /** What the index says of a session, as of the call or later. */
  async indexEntry(sessionKey: string): Promise<IndexEntryJson | undefined> {
    await this.#opening;
    await this.#index.current();
    return this.#index.get(sessionKey);
  }

  /**
   * Settles when the session is folded up to what was in the log at the time of the call. `late`: it has waited for too
   * long, and what it waits for may never come.
   */
  async attach(sessionKey: string, listener: SessionListener, late: AbortSignal): Promise<HeldSession> {
    const loading = this.#session(sessionKey);
    const attaching = this.#attaching(sessionKey, loading);
    late.addEventListener("abort", () => this.#giveUp(attaching), { once: true });
    const awaited = this.#end.read().then((end) => (attaching.awaitedEnd = end));
    const [opened, session, end] = await Promise.all([this.#opening, loading, awaited]);
    await opened.position.reached(end);
    if (session.lost !== undefined) throw session.lost;
    this.#parts.idleSessions.remove(session);
    return session.hold(listener);
  }

  /** Ends every hold with the error, and follows the partition no more. */
  close(error: PerdureError): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    this.#parts.eventsTail.unfollow(this.partition);
    this.#index.close();
    this.#opened?.position.fail(error);
    for (const session of [...this.#sessions.values()]) session.close(error);
    this.#parts.onClosed(this);
  }

  #attaching(sessionKey: string, loading: Promise<SessionFold>): Attaching {
    const indexReadTo = this.#index.readTo;
    const eventsReadTo = this.#opened?.position.next;
    return { sessionKey, loading, end: this.#end, indexReadTo, eventsReadTo, awaitedEnd: 0 };
  }

  /** The next attach begins anew, with what this one has waited for all its time: what began later has its own. */
  #giveUp(attaching: Attaching): void {
    const { sessionKey, loading, end } = attaching;
    if (this.#isStuck(attaching)) return this.close(catchingUp("this partition is not read on", this.#retryAfterMs));
    if (this.#opened === undefined) return;
    if (this.#end === end) this.#end = new LatestEnd(this.#parts.log, this.partition);
    if (this.#loading.get(sessionKey) !== loading) return;
    this.#loading.delete(sessionKey);
    this.#noteIdle();
  }

  /** Nothing more was read of it while somebody waited; a large index, or a long tail, may take longer than one attach. */
  #isStuck({ indexReadTo, eventsReadTo, awaitedEnd }: Attaching): boolean {
    if (this.#opened === undefined) return this.#index.readTo === indexReadTo;
    const { next } = this.#opened.position;
    return next === eventsReadTo && next < awaitedEnd;
  }

  get #retryAfterMs(): number {
    return this.#parts.limits.retryAfterMs;
  }

  async #open(): Promise<Opened> {
    const [bounds] = await Promise.all([this.#bounds(), this.#index.current()]);
    // The two looks were at different times: what does not fit together now may have moved in between.
    if (!this.#isWhole(bounds)) await this.#checkHistory();
    if (this.#closed !== undefined) throw this.#closed;
    const from = this.#index.watermark + 1;
    const ring = new Ring(from, this.#parts.limits);
    this.#opened = { ring, position: new Position(from), loader: this.#loaderOf(ring) };
    this.#parts.eventsTail.follow(this.partition, from, {
      onEntries: (entries, nextOffset) => this.#take(entries, nextOffset),
      onLost: (error) => this.#overtaken(error),
    });
    return this.#opened;
  }

  /** The log must go on where the heads end. A trim between the two looks is no loss: the index is newer by then. */
  async #checkHistory(): Promise<void> {
    await this.#index.current();
    const covered = this.#index.watermark;
    const { start, end } = await this.#bounds();
    if (start > covered + 1) await this.#index.current();
    // What the index says by then may be ahead of the end that was seen before: only the earlier look is held against it.
    if (start <= this.#index.watermark + 1 && covered < end) return;
    this.#parts.logger.error({ partition: this.partition, start, end, covered }, "history is lost");
    throw historyLost(`partition ${this.partition} (it has ${start} to ${end}, heads cover up to ${covered})`);
  }

  #bounds(): Promise<Bounds> {
    return this.#parts.log.bounds(TOPICS.events, this.partition);
  }

  #isWhole({ start, end }: Bounds): boolean {
    const covered = this.#index.watermark;
    return start <= covered + 1 && covered < end;
  }

  #loaderOf(ring: Ring): SessionLoader {
    const { log, limits, logger, book, newSessionRules } = this.#parts;
    return new SessionLoader({
      log,
      partition: this.partition,
      index: this.#index,
      ring,
      book,
      retryAfterMs: limits.retryAfterMs,
      newFold: ({ sessionKey, state }) => {
        const append = recordAppender(log, this.partition, sessionKey);
        return new SessionFold({
          sessionKey,
          state,
          book,
          limits,
          logger,
          append: (record) => append(withLifeRules(record, newSessionRules)),
          onIdle: (session) => this.#parts.idleSessions.add(session),
          onClosed: (session) => this.#gone(session),
        });
      },
    });
  }

  /** The way of every record: no waiting, no copy. */
  #take(entries: readonly Entry[], nextOffset: number): void {
    if (this.#opened === undefined) return;
    const { ring, position } = this.#opened;
    for (const entry of entries) {
      const { value } = entry;
      if (value === null) continue;
      const sessionKey = entryKeyText(entry);
      const record = { offset: entry.offset, timeMs: entry.timeMs, value };
      ring.push(sessionKey, record);
      this.#sessions.get(sessionKey)?.take(record);
    }
    position.advance(nextOffset);
  }

  /** The keeper has trimmed what this process had not read yet, or the log is not the one that it has read. */
  #overtaken(error: LogError): void {
    this.#parts.logger.warn({ partition: this.partition, error }, "this replica fell behind the log and starts again");
    this.close(catchingUp("this node fell behind the log", this.#retryAfterMs));
  }

  #headWritten(sessionKey: string, entry: () => IndexEntryJson): void {
    const session = this.#sessions.get(sessionKey);
    if (session !== undefined && session.pages.count > 0) session.pages.written(Number(entry().covered ?? 0));
  }

  #session(sessionKey: string): Promise<SessionFold> {
    const held = this.#sessions.get(sessionKey);
    if (held !== undefined) return Promise.resolve(held);
    const underWay = this.#loading.get(sessionKey);
    if (underWay !== undefined) return underWay;
    const loading = this.#load(sessionKey).finally(() => {
      if (this.#loading.get(sessionKey) === loading) this.#loading.delete(sessionKey);
      this.#noteIdle();
    });
    this.#loading.set(sessionKey, loading);
    return loading;
  }

  async #load(sessionKey: string): Promise<SessionFold> {
    const { loader } = await this.#opening;
    return loader.load(sessionKey, (session) => {
      if (this.#closed !== undefined) throw this.#closed;
      const held = this.#sessions.get(sessionKey);
      if (held !== undefined) return held;
      this.#parts.admitSession();
      this.#sessions.set(sessionKey, session);
      this.#parts.idleSessions.add(session);
      return session;
    });
  }

  #gone(session: SessionFold): void {
    this.#parts.idleSessions.remove(session);
    if (this.#sessions.get(session.sessionKey) !== session) return;
    this.#sessions.delete(session.sessionKey);
    this.#parts.onSessionGone();
    this.#noteIdle();
  }

  #noteIdle(): void {
    if (this.idle && this.#closed === undefined) this.#parts.onIdle(this);
  }
}
