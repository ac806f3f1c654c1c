import type { RuleBook } from "@perdure/core";
import type { Entry, Log, LogError, Ownership } from "@perdure/log";
import type { IndexEntryJson } from "@perdure/protocol";
import { type Clock, entryKeyText, type PartitionTail, recordAppender, SessionIndex, TOPICS } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import type { CheckpointTurns } from "./checkpoint-turns.ts";
import { CheckpointWriter } from "./checkpoint-writer.ts";
import { Checkpointer } from "./checkpointer.ts";
import { Derivations } from "./derivations.ts";
import { DueQueue } from "./due-queue.ts";
import { HeadLoads } from "./head-loads.ts";
import type { KeeperMetrics } from "./keeper-metrics.ts";
import type { KeptSession } from "./kept-session.ts";
import { LiveIndex } from "./live-index.ts";
import { LoadedSessions } from "./loaded-sessions.ts";
import type { NodeLeases } from "./node-leases.ts";
import { PageChains } from "./page-chains.ts";
import type { SignalSender } from "./pool-links.ts";
import { RulesUpgrades } from "./rules-upgrades.ts";
import type { KeeperSettings } from "./settings.ts";
import { UncoveredSessions } from "./uncovered-sessions.ts";

export interface PartitionKeeperParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: KeeperMetrics;
  readonly settings: KeeperSettings;
  readonly turns: CheckpointTurns;
  /** Producer id of this process. */
  readonly producer: string;
  readonly eventsTail: PartitionTail;
  readonly indexTail: PartitionTail;
  readonly leases: Pick<NodeLeases, "isOver">;
  readonly signals: SignalSender;
  /** The rules that this process judges by, and the version that every live node knows; 0: that is not known now. */
  readonly book: RuleBook;
  readonly knownByAll: () => number;
  /** The partition can no longer be kept as it is; what was in memory is void. */
  readonly onLost: (keeper: PartitionKeeper, ownership: Ownership, reason: string) => void;
}

/** Keeps one partition as long as it is owned: folds its sessions, writes heads, and acts when something is due. */
export class PartitionKeeper {
  readonly partition: number;
  readonly #parts: PartitionKeeperParts;
  readonly #index: SessionIndex;
  readonly #live = new LiveIndex();
  readonly #queue: DueQueue;
  readonly #sessions: LoadedSessions;
  readonly #uncovered = new UncoveredSessions();
  readonly #chains: PageChains;
  readonly #loads: HeadLoads;
  readonly #checkpointer: Checkpointer;
  readonly #derivations: Derivations;
  readonly #upgrades: RulesUpgrades;
  /** Sessions with records that the watermark has passed unjudged, and where those begin. */
  readonly #unjudged = new Map<string, number>();
  /** What fell due while the index was still being read. */
  readonly #dueEarly = new Set<string>();
  /** Whoever waits until less is uncovered. */
  #room: PromiseWithResolvers<void> | undefined;
  #ownership: Ownership;
  #tailStart = 0;
  #next = 0;
  #opened = false;
  #closed = false;

  constructor(parts: PartitionKeeperParts, ownership: Ownership) {
    const { log, clock, logger, settings, book, knownByAll, indexTail: tail } = parts;
    this.#parts = parts;
    this.#ownership = ownership;
    this.partition = ownership.partition;
    this.#queue = new DueQueue(clock, (keys) => this.#wake(keys));
    this.#index = new SessionIndex(
      { log, partition: this.partition, tail, logger },
      { onSession: (key, entry) => this.#noteEntry(key, entry()), onLost: (error) => this.#overtaken(error) },
    );
    this.#chains = new PageChains(log, this.partition, this.#index);
    this.#loads = new HeadLoads({
      log,
      partition: this.partition,
      index: this.#index,
      clock,
      logger,
      book,
      tailStart: () => this.#tailStart,
      atOnce: settings.loadsAtOnce,
      retryMs: settings.retryMs,
      onLoaded: (session, bytes) => this.#loaded(session, bytes),
    });
    this.#sessions = new LoadedSessions({
      ...settings,
      clock,
      book,
      index: this.#index,
      uncovered: this.#uncovered,
      chains: this.#chains,
      load: (session) => this.#loads.request(session),
    });
    this.#checkpointer = this.#newCheckpointer();
    this.#derivations = new Derivations({
      clock,
      logger,
      producer: parts.producer,
      node: settings.node,
      isOver: (life) => parts.leases.isOver(life),
      knownByAll,
      append: (sessionKey, record) => recordAppender(log, this.partition, sessionKey)(record),
      signals: parts.signals,
      queue: this.#queue,
      onSettled: (session) => this.#markStale(session),
    });
    this.#upgrades = new RulesUpgrades({
      clock,
      knownByAll,
      perSecond: settings.upgradesPerSecond,
      need: (key) => this.#sessions.need(key),
      write: (session) => this.#derivations.examine(session),
    });
  }

  get ownership(): Ownership {
    return this.#ownership;
  }

  /** Whether it has read its index and follows its partition. */
  get opened(): boolean {
    return this.#opened;
  }

  /** Offset up to which heads in the log cover the partition. */
  get watermark(): number {
    return this.#index.watermark;
  }

  /** Offset of the last record that nobody has to read again. */
  get trimmable(): number {
    return Math.min(this.watermark, ...[...this.#unjudged.values()].map((offset) => offset - 1));
  }

  /** Sessions that wait for a keeper which knows their rules. */
  get unjudgedCount(): number {
    return this.#unjudged.size;
  }

  get loadedCount(): number {
    return this.#sessions.size;
  }

  get uncoveredBytes(): number {
    return this.#uncovered.bytes;
  }

  /** The partition is kept under a new generation. */
  renew(ownership: Ownership): void {
    this.#ownership = ownership;
  }

  /** Begins: from the index alone it knows where to go on, and what is live or due. Throws LogError. */
  async open(): Promise<void> {
    await this.#index.current();
    const covered = this.#index.watermark;
    const { start, end } = await this.#parts.log.bounds(TOPICS.events, this.partition);
    if (this.#closed) return;
    if (start > covered + 1 || covered >= end) {
      this.#parts.logger.error({ partition: this.partition, start, end, covered }, "history is lost");
      return this.#lose("history_lost");
    }
    this.#tailStart = covered + 1;
    this.#next = covered + 1;
    this.#parts.eventsTail.follow(this.partition, this.#next, {
      onEntries: (entries, nextOffset) => this.#take(entries, nextOffset),
      onLost: (error) => this.#overtaken(error),
    });
    this.#opened = true;
    this.#judgeUnjudged();
    this.nodesEnded();
    // That may have been known before this partition came.
    this.rulesKnown();
    this.#wake([...this.#dueEarly].filter((key) => Number(this.#index.find(key)?.dueMs ?? 0) > 0));
    this.#dueEarly.clear();
    this.#sessions.start();
  }

  /** Lives of nodes have ended: the sessions that they hold are looked at. */
  nodesEnded(): void {
    if (!this.#opened) return;
    for (const session of this.#sessions.values()) {
      session.nodesChanged = true;
      this.#derivations.examine(session);
    }
    for (const key of this.#live.heldBy((life) => this.#parts.leases.isOver(life))) this.#sessions.need(key);
  }

  /** Every live node knows later rules: sessions that somebody is in, or that are in memory, follow them soon. */
  rulesKnown(): void {
    if (!this.#opened) return;
    for (const session of this.#sessions.values()) this.#upgrades.offer(session);
    for (const key of this.#live.behind(this.#parts.knownByAll())) this.#upgrades.enqueue(key);
  }

  /** Covers everything that has been folded. Throws LogError. */
  async flush(): Promise<void> {
    if (this.#opened && !this.#closed) await this.#checkpointer.flush();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opened = false;
    this.#parts.eventsTail.unfollow(this.partition);
    this.#index.close();
    this.#loads.close();
    this.#checkpointer.close();
    this.#derivations.close();
    this.#upgrades.close();
    this.#queue.close();
    this.#sessions.close();
    this.#room?.resolve();
  }

  #newCheckpointer(): Checkpointer {
    const { log, clock, logger, settings, metrics } = this.#parts;
    const writer = new CheckpointWriter({
      log,
      clock,
      index: this.#index,
      chains: this.#chains,
      uncovered: this.#uncovered,
      batchBytes: settings.checkpointBatchBytes,
      knownRules: this.#parts.book.length,
      next: () => this.#next,
      onStopped: (session) => this.#look(session),
    });
    return new Checkpointer({
      partition: this.partition,
      clock,
      logger,
      writer,
      uncovered: this.#uncovered,
      turns: this.#parts.turns,
      checkpointMs: settings.checkpointMs,
      checkpointBytes: settings.checkpointBytes,
      retryMs: settings.retryMs,
      ownership: () => this.#ownership,
      onWritten: (done, tookMs) => {
        metrics.checkpointed(done, tookMs);
        this.#sessions.trim();
        this.#makeRoom();
      },
      onFenced: (ownership) => this.#lose("fenced", ownership),
    });
  }

  /** The way of every record. Past the cap of uncovered bytes the partition waits for a checkpoint. */
  #take(entries: readonly Entry[], nextOffset: number): Promise<void> | undefined {
    const nowMs = this.#parts.clock.now();
    const touched = new Set<KeptSession>();
    for (const { key, value, offset, timeMs } of entries) {
      if (value === null) continue;
      const session = this.#sessions.need(entryKeyText({ key }));
      this.#uncovered.add(session, session.take({ offset, timeMs, value }, nowMs));
      touched.add(session);
    }
    this.#next = nextOffset;
    for (const session of touched) this.#look(session);
    this.#checkpointer.note();
    if (this.#uncovered.bytes <= this.#parts.settings.uncoveredBytesMax) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  #makeRoom(): void {
    if (this.#uncovered.bytes > this.#parts.settings.uncoveredBytesMax) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #loaded(session: KeptSession, bytes: number): void {
    this.#uncovered.add(session, bytes);
    const dueMs = Number(this.#index.find(session.key)?.dueMs ?? 0);
    session.signals.writtenAsOwing = dueMs > 0 && dueMs <= this.#parts.clock.now();
    this.#look(session);
    this.#checkpointer.note();
    // Its entry said that something was due, and there is nothing: the next one says so.
    if (session.signals.writtenAsOwing && session.isResting) this.#markStale(session);
  }

  #look(session: KeptSession): void {
    const failure = session.takeFailure();
    if (failure !== undefined) this.#alert(session, failure);
    // Nothing of it is kept, but the watermark has to pass it.
    if (session.isPassedOver) this.#uncovered.markStale(session, this.#parts.clock.now());
    // While its head is still to come nothing can be seen, and what falls due meanwhile is seen when it is here.
    if (!session.changed || session.status === "loading") return;
    session.changed = false;
    this.#derivations.examine(session);
    this.#upgrades.offer(session);
  }

  /** Goes on with the sessions that an earlier keeper did not know the rules of, where this one does. */
  #judgeUnjudged(): void {
    for (const key of this.#unjudged.keys()) {
      if ((this.#index.find(key)?.needsRules ?? 0) <= this.#parts.book.length) this.#sessions.need(key);
    }
  }

  /** Somebody has to look at it: it does not hold up others, but nothing of it goes on. */
  #alert(session: KeptSession, failure: unknown): void {
    const { key, status, setAsideAt } = session;
    this.#uncovered.dropBytes(session);
    this.#parts.metrics.alert(status);
    this.#parts.logger.error({ session: key, status, offset: setAsideAt, err: failure }, "a session cannot be folded");
  }

  /** Before all of the index is read, an entry may be an older one, and name a head of long ago. */
  #wake(keys: readonly string[]): void {
    if (!this.#opened) {
      for (const key of keys) this.#dueEarly.add(key);
      return;
    }
    for (const key of keys) {
      const known = this.#sessions.get(key);
      if (known === undefined) this.#sessions.need(key);
      else this.#derivations.examine(known);
    }
  }

  #markStale(session: KeptSession): void {
    if (this.#closed) return;
    this.#uncovered.markStale(session, this.#parts.clock.now());
    this.#checkpointer.note();
  }

  /** Of sessions in memory more is known than their entry says. */
  #noteEntry(key: string, entry: IndexEntryJson): void {
    this.#live.note(key, entry);
    if (entry.unjudgedFrom === undefined) this.#unjudged.delete(key);
    else this.#unjudged.set(key, Number(entry.unjudgedFrom));
    if (this.#sessions.get(key) === undefined) this.#queue.set(key, Number(entry.dueMs ?? 0));
  }

  #overtaken(error: LogError): void {
    this.#parts.logger.error(
      { partition: this.partition, err: error },
      "the log does not go on where the keeper has read to",
    );
    this.#lose(error.code);
  }

  #lose(reason: string, ownership = this.#ownership): void {
    if (this.#closed) return;
    this.close();
    this.#parts.onLost(this, ownership, reason);
  }
}
