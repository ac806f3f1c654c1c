import { randomUUID } from "node:crypto";
import { FIRST_RULES, RULE_BOOK, type RuleBook } from "@perdure/core";
import type { Group, Log } from "@perdure/log";
import { type Clock, createReplica, PartitionTail, type Replica, systemClock, TOPICS } from "@perdure/replica";
import { beatNode, createMetrics, type Logger, type NodeBeat, type Readiness } from "@perdure/service-kit";
import { CheckpointTurns } from "./checkpoint-turns.ts";
import { ExpiryHold } from "./expiry-hold.ts";
import { FleetRules } from "./fleet-rules.ts";
import { KeeperMetrics } from "./keeper-metrics.ts";
import { KeptPartitions } from "./kept-partitions.ts";
import { NodeExpiry } from "./node-expiry.ts";
import { NodeLeases } from "./node-leases.ts";
import { PoolLinks } from "./pool-links.ts";
import { DEFAULT_KEEPER_SETTINGS, type KeeperSettings } from "./settings.ts";
import { Timers } from "./timers.ts";
import { trimPartition } from "./trimmer.ts";

export interface KeeperOptions {
  readonly log: Log;
  readonly config: Pick<KeeperSettings, "node" | "partitions"> & Partial<KeeperSettings>;
  readonly logger: Logger;
  /** Where its metrics go; default: a registry of its own. */
  readonly metrics?: ReturnType<typeof createMetrics>;
  readonly clock?: Clock;
  /** The rules that it judges by. Default: all that the code knows. */
  readonly book?: RuleBook;
  /** One that the process has already; without it the keeper makes its own, for the pools. */
  readonly replica?: Replica;
  /** Another process runs under this one's name, and this one should end. */
  readonly onReplaced?: () => void;
}

/** A keeper that runs. */
export interface Keeper {
  /** Ready once it is in the group, and every partition that it owns is open and none is kept from it. */
  readiness(): Readiness;
  /** Covers what it has folded, leaves the group, and lets go of everything but the log. */
  stop(): Promise<void>;
}

const GROUP = "keepers";

/**
 * Starts a keeper on a log whose topics are there. Resolves when it is in the group, or has said what keeps it out. Throws
 * LogError.
 */
export async function startKeeper(options: KeeperOptions): Promise<Keeper> {
  const keeper = new GroupKeeper(options);
  await keeper.start();
  return keeper;
}

class GroupKeeper implements Keeper {
  readonly #options: KeeperOptions;
  readonly #settings: KeeperSettings;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #eventsTail: PartitionTail;
  readonly #indexTail: PartitionTail;
  readonly #replica: Replica;
  readonly #links: PoolLinks;
  readonly #book: RuleBook;
  readonly #leases: NodeLeases;
  readonly #fleetRules: FleetRules;
  readonly #expiryHold: ExpiryHold;
  readonly #expiry: NodeExpiry;
  readonly #partitions: KeptPartitions;
  #group: Group | undefined;
  #beat: NodeBeat | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: KeeperOptions) {
    const { log, logger, config, clock = systemClock, book = RULE_BOOK } = options;
    this.#options = options;
    this.#book = book;
    this.#clock = clock;
    this.#timers = new Timers(clock);
    this.#settings = { ...DEFAULT_KEEPER_SETTINGS, ...config };
    const { node, partitions, beatMs, retryMs } = this.#settings;
    this.#eventsTail = new PartitionTail(log, TOPICS.events, clock, logger);
    this.#indexTail = new PartitionTail(log, TOPICS.index, clock, logger);
    const newSessionRules = (): number => this.#beat?.rulesOfAll ?? FIRST_RULES;
    this.#replica = options.replica ?? createReplica({ log, partitions, logger, clock, book, newSessionRules });
    const producer = randomUUID();
    // A pool may be kept here too: its offers and these signals are two writers.
    const signals = { producer: `${producer}-pools`, node, retryMs };
    this.#links = new PoolLinks({ ...signals, replica: this.#replica, clock, logger });
    this.#leases = new NodeLeases({ log, clock, logger, onOver: () => this.#nodesEnded() });
    this.#fleetRules = new FleetRules({ leases: this.#leases, logger, onRaised: () => this.#rulesKnown() });
    const metrics = this.#newMetrics();
    this.#partitions = this.#newPartitions(producer, metrics);
    const isInCharge = (): boolean => this.#partitions.owns(0);
    const onAlert = (): void => metrics.alert("mass_expiry");
    this.#expiryHold = new ExpiryHold({ clock, logger, holdMs: this.#settings.expiryHoldMs, onAlert });
    const expiry = { log, clock, logger, leases: this.#leases, hold: this.#expiryHold };
    const onLook = (listenedMs: number): void => this.#fleetRules.look(listenedMs);
    this.#expiry = new NodeExpiry({ ...expiry, node, beatMs, isInCharge, onLook });
  }

  async start(): Promise<void> {
    try {
      this.#beat = await this.#beatNode();
      this.#group = await this.#options.log.joinGroup(GROUP, TOPICS.events, this.#partitions);
      this.#timers.every(this.#settings.trimMs, () => this.#trim());
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  readiness(): Readiness {
    if (this.#group === undefined || this.#stopping !== undefined) {
      return { ready: false, reason: "not in the group of keepers" };
    }
    const { hindrance, ownedCount, unopenedCount } = this.#partitions;
    if (hindrance !== undefined) return { ready: false, reason: hindrance };
    if (unopenedCount === 0) return { ready: true };
    return { ready: false, reason: `${unopenedCount} of ${ownedCount} partitions are not open` };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#timers.close();
    this.#expiry.close();
    const flushes = this.#partitions.opened().map((keeper) => {
      return this.#quietly(`cover partition ${keeper.partition}`, () => keeper.flush());
    });
    await Promise.all(flushes);
    this.#partitions.close();
    this.#links.close();
    await this.#quietly("leave the group", () => this.#group?.close());
    await this.#quietly("end the lease", () => this.#beat?.leave());
    if (this.#options.replica === undefined) await this.#replica.close();
    await Promise.all([this.#leases.close(), this.#eventsTail.close(), this.#indexTail.close()]);
  }

  #newMetrics(): KeeperMetrics {
    const registry = this.#options.metrics ?? createMetrics({ service: "keeper", node: this.#settings.node });
    return new KeeperMetrics(registry, () => ({
      ...this.#partitions.totals,
      heldExpiries: this.#expiryHold.heldCount,
    }));
  }

  #newPartitions(producer: string, metrics: KeeperMetrics): KeptPartitions {
    const { log, logger } = this.#options;
    return new KeptPartitions({
      log,
      logger,
      clock: this.#clock,
      timers: this.#timers,
      metrics,
      settings: this.#settings,
      turns: new CheckpointTurns(this.#clock),
      producer,
      eventsTail: this.#eventsTail,
      indexTail: this.#indexTail,
      leases: this.#leases,
      signals: this.#links,
      book: this.#book,
      knownByAll: () => this.#fleetRules.knownByAll,
    });
  }

  #beatNode(): Promise<NodeBeat> {
    const { log, logger, onReplaced } = this.#options;
    const { node, leaseMs, beatMs, rulesMax } = this.#settings;
    return beatNode({
      log,
      topic: TOPICS.nodes,
      node,
      kind: "NODE_KIND_KEEPER",
      rules: Math.min(this.#book.length, rulesMax),
      leaseMs,
      beatMs,
      clock: this.#clock,
      // A keeper holds no members, so a new life of it changes nothing.
      onExpired: (incarnation) =>
        logger.warn({ node, incarnation }, "this keeper's life was declared over; it goes on"),
      onReplaced: () => onReplaced?.(),
      onProblem: (error) => logger.warn({ err: error }, "the lease could not be kept"),
    });
  }

  #nodesEnded(): void {
    for (const keeper of this.#partitions.opened()) keeper.nodesEnded();
  }

  #rulesKnown(): void {
    for (const keeper of this.#partitions.opened()) keeper.rulesKnown();
  }

  async #trim(): Promise<void> {
    const { log } = this.#options;
    const { eventsKeptMs } = this.#settings;
    for (const { partition, trimmable } of this.#partitions.opened()) {
      const trim = () => trimPartition({ log, clock: this.#clock, eventsKeptMs }, partition, trimmable);
      await this.#quietly("trim", trim);
    }
  }

  /** What fails here is done by the next keeper, or the next time. */
  async #quietly(what: string, act: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.logger.warn({ err: error }, `could not ${what}`);
    }
  }
}
