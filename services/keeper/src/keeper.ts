import { randomUUID } from "node:crypto";
import { RULES_VERSION } from "@perdure/core";
import type { Group, Log, Ownership } from "@perdure/log";
import { type Clock, createReplica, PartitionTail, type Replica, systemClock, TOPICS } from "@perdure/replica";
import { beatNode, createMetrics, type Logger, type NodeBeat, type Readiness } from "@perdure/service-kit";
import { KeeperMetrics } from "./keeper-metrics.ts";
import { NodeExpiry } from "./node-expiry.ts";
import { NodeLeases } from "./node-leases.ts";
import { PartitionKeeper } from "./partition-keeper.ts";
import { PoolLinks } from "./pool-links.ts";
import { DEFAULT_KEEPER_SETTINGS, type KeeperSettings } from "./settings.ts";
import { trimPartition } from "./trimmer.ts";

export interface KeeperOptions {
  readonly log: Log;
  readonly config: Pick<KeeperSettings, "node" | "partitions"> & Partial<KeeperSettings>;
  readonly logger: Logger;
  /** Where its metrics go; default: a registry of its own. */
  readonly metrics?: ReturnType<typeof createMetrics>;
  readonly clock?: Clock;
  /** One that the process has already; without it the keeper makes its own, for the pools. */
  readonly replica?: Replica;
  /** Another process runs under this one's name, and this one should end. */
  readonly onReplaced?: () => void;
}

/** A keeper that runs. */
export interface Keeper {
  /** Ready once it is in the group and every partition that it owns is open. */
  readiness(): Readiness;
  /** Covers what it has folded, leaves the group, and lets go of everything but the log. */
  stop(): Promise<void>;
}

const GROUP = "keepers";
/** A partition whose history is lost waits for somebody to look at it. */
const LOST_RETRY_MS = 60_000;

/** Starts a keeper on a log whose topics are there. Resolves when it is in the group. Throws LogError. */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const keeper = new GroupKeeper(options);
  await keeper.start();
  return keeper;
}

class GroupKeeper implements Keeper {
  readonly #options: KeeperOptions;
  readonly #settings: KeeperSettings;
  readonly #clock: Clock;
  readonly #producer = randomUUID();
  readonly #metrics: KeeperMetrics;
  readonly #eventsTail: PartitionTail;
  readonly #indexTail: PartitionTail;
  readonly #replica: Replica;
  readonly #links: PoolLinks;
  readonly #leases: NodeLeases;
  readonly #expiry: NodeExpiry;
  readonly #ownerships = new Map<number, Ownership>();
  readonly #partitions = new Map<number, PartitionKeeper>();
  readonly #timers = new Set<() => void>();
  #group: Group | undefined;
  #beat: NodeBeat | undefined;
  #stopped = false;
  #stopping: Promise<void> | undefined;

  constructor(options: KeeperOptions) {
    const { log, logger, config, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#settings = { ...DEFAULT_KEEPER_SETTINGS, ...config };
    const { node, partitions, beatMs, retryMs } = this.#settings;
    const registry = options.metrics ?? createMetrics({ service: "keeper", node });
    this.#metrics = new KeeperMetrics(registry, () => this.#totals());
    this.#eventsTail = new PartitionTail(log, TOPICS.events, clock, logger);
    this.#indexTail = new PartitionTail(log, TOPICS.index, clock, logger);
    this.#replica = options.replica ?? createReplica({ log, partitions, logger, clock });
    // A pool may be kept here too: its offers and these signals are two writers.
    const producer = `${this.#producer}-pools`;
    this.#links = new PoolLinks({ replica: this.#replica, clock, logger, producer, node, retryMs });
    this.#leases = new NodeLeases({ log, clock, logger, onOver: () => this.#nodesEnded() });
    const isInCharge = (): boolean => this.#ownerships.has(0);
    this.#expiry = new NodeExpiry({ log, clock, logger, leases: this.#leases, node, beatMs, isInCharge });
  }

  async start(): Promise<void> {
    try {
      this.#beat = await this.#beatNode();
      this.#group = await this.#options.log.joinGroup(GROUP, TOPICS.events, {
        onAssigned: (ownerships) => this.#assigned(ownerships),
        onRevoked: (partitions) => this.#revoked(partitions),
      });
      this.#every(this.#settings.trimMs, () => this.#trim());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  readiness(): Readiness {
    if (this.#group === undefined || this.#stopped) return { ready: false, reason: "not in the group of keepers" };
    const closed = [...this.#ownerships.keys()].filter((partition) => this.#partitions.get(partition)?.opened !== true);
    if (closed.length === 0) return { ready: true };
    return { ready: false, reason: `${closed.length} of ${this.#ownerships.size} partitions are not open` };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#expiry.close();
    await Promise.all([...this.#partitions.values()].map((partition) => this.#lastCheckpoint(partition)));
    for (const partition of [...this.#partitions.values()]) this.#close(partition);
    this.#links.close();
    await this.#quietly("leave the group", () => this.#group?.close());
    await this.#quietly("end the lease", () => this.#beat?.leave());
    await Promise.all([
      this.#options.replica === undefined ? this.#replica.close() : undefined,
      this.#leases.close(),
      this.#eventsTail.close(),
      this.#indexTail.close(),
    ]);
  }

  #beatNode(): Promise<NodeBeat> {
    const { log, logger, onReplaced } = this.#options;
    const { node, leaseMs, beatMs } = this.#settings;
    return beatNode({
      log,
      topic: TOPICS.nodes,
      node,
      kind: "NODE_KIND_KEEPER",
      rules: RULES_VERSION,
      leaseMs,
      beatMs,
      clock: this.#clock,
      // A keeper holds no members, so a new life of it changes nothing.
      onExpired: (incarnation) =>
        logger.warn({ node, incarnation }, "this keeper's life was declared over; it goes on"),
      onReplaced: () => {
        logger.error({ node }, "another process runs under this node's name");
        onReplaced?.();
      },
      onProblem: (error) => logger.warn({ err: error }, "the lease could not be kept"),
    });
  }

  #assigned(ownerships: readonly Ownership[]): void {
    if (this.#stopped) return;
    const owned = new Set(ownerships.map(({ partition }) => partition));
    this.#revoked([...this.#ownerships.keys()].filter((partition) => !owned.has(partition)));
    for (const ownership of ownerships) {
      this.#ownerships.set(ownership.partition, ownership);
      const kept = this.#partitions.get(ownership.partition);
      if (kept === undefined) this.#open(ownership);
      else kept.renew(ownership);
    }
  }

  #revoked(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#ownerships.delete(partition);
      const kept = this.#partitions.get(partition);
      if (kept !== undefined) this.#close(kept);
    }
  }

  #open(ownership: Ownership): void {
    const { log, logger } = this.#options;
    const keeper = new PartitionKeeper(
      {
        log,
        clock: this.#clock,
        logger,
        metrics: this.#metrics,
        settings: this.#settings,
        producer: this.#producer,
        eventsTail: this.#eventsTail,
        indexTail: this.#indexTail,
        leases: this.#leases,
        signals: this.#links,
        onLost: (lost, under, reason) => this.#lost(lost, under, reason),
      },
      ownership,
    );
    this.#partitions.set(ownership.partition, keeper);
    keeper.open().catch((error: unknown) => {
      if (this.#partitions.get(keeper.partition) !== keeper) return;
      logger.warn({ partition: keeper.partition, err: error }, "a partition could not be opened and is tried again");
      this.#close(keeper);
      this.#reopenAfter(keeper.partition, this.#settings.retryMs);
    });
  }

  #close(keeper: PartitionKeeper): void {
    keeper.close();
    if (this.#partitions.get(keeper.partition) === keeper) this.#partitions.delete(keeper.partition);
  }

  /** Begins again from the log: at once under a newer ownership, else when there is one. */
  #lost(keeper: PartitionKeeper, under: Ownership, reason: string): void {
    this.#close(keeper);
    const { partition } = keeper;
    if (reason !== "fenced") {
      this.#metrics.alert(reason);
      this.#reopenAfter(partition, reason === "history_lost" ? LOST_RETRY_MS : this.#settings.retryMs);
      return;
    }
    this.#options.logger.warn({ partition }, "a checkpoint was refused: the partition has gone to another generation");
    const current = this.#ownerships.get(partition);
    if (current !== undefined && current !== under) this.#open(current);
    else this.#ownerships.delete(partition);
  }

  #reopenAfter(partition: number, delayMs: number): void {
    this.#after(delayMs, () => {
      const ownership = this.#ownerships.get(partition);
      if (ownership !== undefined && !this.#partitions.has(partition)) this.#open(ownership);
    });
  }

  #nodesEnded(): void {
    for (const partition of this.#partitions.values()) partition.nodesEnded();
  }

  async #trim(): Promise<void> {
    const { log } = this.#options;
    const { eventsKeptMs } = this.#settings;
    for (const { partition, watermark, opened } of [...this.#partitions.values()]) {
      if (!opened || this.#stopped) continue;
      await this.#quietly("trim", () => trimPartition({ log, clock: this.#clock, eventsKeptMs }, partition, watermark));
    }
  }

  async #lastCheckpoint(keeper: PartitionKeeper): Promise<void> {
    await this.#quietly(`cover partition ${keeper.partition}`, () => keeper.flush());
  }

  /** What fails here is done by the next keeper, or the next time. */
  async #quietly(what: string, act: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.logger.warn({ err: error }, `could not ${what}`);
    }
  }

  #every(delayMs: number, act: () => Promise<void>): void {
    this.#after(delayMs, () => {
      void act().finally(() => {
        if (!this.#stopped) this.#every(delayMs, act);
      });
    });
  }

  #after(delayMs: number, call: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      call();
    });
    this.#timers.add(cancel);
  }

  #totals() {
    const partitions = [...this.#partitions.values()];
    return {
      partitions: partitions.length,
      sessions: partitions.reduce((sum, { loadedCount }) => sum + loadedCount, 0),
      uncoveredBytes: partitions.reduce((sum, { uncoveredBytes }) => sum + uncoveredBytes, 0),
    };
  }
}
