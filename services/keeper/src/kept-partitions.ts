import type { GroupListener, Ownership } from "@perdure/log";
import type { KeptTotals } from "./keeper-metrics.ts";
import { PartitionKeeper, type PartitionKeeperParts } from "./partition-keeper.ts";
import type { Timers } from "./timers.ts";

export interface KeptPartitionsParts extends Omit<PartitionKeeperParts, "onLost"> {
  readonly timers: Timers;
}

/** A partition whose history is lost waits for somebody to look at it. */
const LOST_RETRY_MS = 60_000;

/** The partitions that this process owns, each with its keeper. */
export class KeptPartitions implements GroupListener {
  readonly #parts: KeptPartitionsParts;
  readonly #ownerships = new Map<number, Ownership>();
  readonly #keepers = new Map<number, PartitionKeeper>();
  #closed = false;
  #hindrance: string | undefined;

  constructor(parts: KeptPartitionsParts) {
    this.#parts = parts;
  }

  /** What keeps this process from partitions that it should have, until somebody changes it. */
  get hindrance(): string | undefined {
    return this.#hindrance;
  }

  get ownedCount(): number {
    return this.#ownerships.size;
  }

  /** Those that are owned and not yet, or no more, open. */
  get unopenedCount(): number {
    return [...this.#ownerships.keys()].filter((partition) => this.#keepers.get(partition)?.opened !== true).length;
  }

  get totals(): Omit<KeptTotals, "heldExpiries"> {
    const keepers = [...this.#keepers.values()];
    return {
      partitions: keepers.length,
      sessions: keepers.reduce((sum, { loadedCount }) => sum + loadedCount, 0),
      unjudged: keepers.reduce((sum, { unjudgedCount }) => sum + unjudgedCount, 0),
      uncoveredBytes: keepers.reduce((sum, { uncoveredBytes }) => sum + uncoveredBytes, 0),
    };
  }

  owns(partition: number): boolean {
    return this.#ownerships.has(partition);
  }

  opened(): PartitionKeeper[] {
    return [...this.#keepers.values()].filter(({ opened }) => opened);
  }

  onAssigned(ownerships: readonly Ownership[]): void {
    if (this.#closed) return;
    const owned = new Set(ownerships.map(({ partition }) => partition));
    this.onRevoked([...this.#ownerships.keys()].filter((partition) => !owned.has(partition)));
    for (const ownership of ownerships) {
      this.#ownerships.set(ownership.partition, ownership);
      const kept = this.#keepers.get(ownership.partition);
      if (kept === undefined) this.#open(ownership);
      else kept.renew(ownership);
    }
  }

  onRevoked(partitions: readonly number[]): void {
    for (const partition of partitions) {
      this.#ownerships.delete(partition);
      const kept = this.#keepers.get(partition);
      if (kept !== undefined) this.#drop(kept);
    }
  }

  onHindered(reason: string | undefined): void {
    const { metrics, logger } = this.#parts;
    this.#hindrance = reason;
    if (reason === undefined) return logger.info({}, "the keeper gets its partitions again");
    metrics.alert("hindered");
    logger.warn({ reason }, `the keeper does not get its partitions; it tries on. ${reason}`);
  }

  close(): void {
    this.#closed = true;
    for (const keeper of [...this.#keepers.values()]) this.#drop(keeper);
  }

  #open(ownership: Ownership): void {
    const parts = {
      ...this.#parts,
      onLost: (lost: PartitionKeeper, under: Ownership, reason: string) => this.#lost(lost, under, reason),
    };
    const keeper = new PartitionKeeper(parts, ownership);
    const { partition } = keeper;
    this.#keepers.set(partition, keeper);
    keeper.open().catch((error: unknown) => {
      if (this.#keepers.get(partition) !== keeper) return;
      this.#parts.logger.warn({ partition, err: error }, "a partition could not be opened and is tried again");
      this.#drop(keeper);
      this.#reopenAfter(partition, this.#parts.settings.retryMs);
    });
  }

  #drop(keeper: PartitionKeeper): void {
    keeper.close();
    if (this.#keepers.get(keeper.partition) === keeper) this.#keepers.delete(keeper.partition);
  }

  /** Begins again from the log: after a fence at once under a newer ownership, else when there is one. */
  #lost(keeper: PartitionKeeper, under: Ownership, reason: string): void {
    this.#drop(keeper);
    const { partition } = keeper;
    const { metrics, logger, settings } = this.#parts;
    if (reason !== "fenced") {
      metrics.alert(reason);
      this.#reopenAfter(partition, reason === "history_lost" ? LOST_RETRY_MS : settings.retryMs);
      return;
    }
    logger.warn({ partition }, "a checkpoint was refused: the partition has gone to another generation");
    const current = this.#ownerships.get(partition);
    if (current !== undefined && current !== under) this.#open(current);
    else this.#ownerships.delete(partition);
  }

  #reopenAfter(partition: number, delayMs: number): void {
    this.#parts.timers.after(delayMs, () => {
      const ownership = this.#ownerships.get(partition);
      if (ownership !== undefined && !this.#keepers.has(partition)) this.#open(ownership);
    });
  }
}
