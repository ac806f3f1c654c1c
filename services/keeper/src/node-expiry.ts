import type { Log } from "@perdure/log";
import { encodeNodeLease, keyBytes, type NodeLeaseJson } from "@perdure/protocol";
import { type Clock, TOPICS } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import type { NodeLeases } from "./node-leases.ts";

export interface NodeExpiryParts {
  readonly log: Pick<Log, "append">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leases: Pick<NodeLeases, "all" | "get">;
  /** This keeper's own name. */
  readonly node: string;
  readonly beatMs: number;
  /** Whether it is this keeper's turn: only the owner of partition 0 declares lives over. */
  readonly isInCharge: () => boolean;
}

/** How late the keeper's own beat may come back for it to trust what it does not hear of others. */
const OWN_BEAT_LATE_MS = 2_000;
const PARTITION = 0;
const RUNNING = new Set(["NODE_LEASE_STATE_LIVE", "NODE_LEASE_STATE_DRAINING"]);

/**
 * Declares the lives of silent nodes over. A keeper that is itself cut off, or has only just begun to listen, declares
 * nobody: its own beat must come back in time, and must have done so for as long as the lease it judges.
 */
export class NodeExpiry {
  readonly #parts: NodeExpiryParts;
  /** Since when this keeper has heard everything; undefined: it does not now. */
  #listeningSinceMs: number | undefined;
  #lookedMs: number;
  #cancelTimer: () => void;

  constructor(parts: NodeExpiryParts) {
    this.#parts = parts;
    this.#lookedMs = parts.clock.now();
    this.#cancelTimer = this.#schedule();
  }

  close(): void {
    this.#cancelTimer();
  }

  #schedule(): () => void {
    return this.#parts.clock.after(this.#parts.beatMs / 2, () => {
      this.#cancelTimer = this.#schedule();
      this.#look();
    });
  }

  #look(): void {
    const { clock, leases } = this.#parts;
    const nowMs = clock.now();
    if (!this.#hearsAll(nowMs)) {
      this.#listeningSinceMs = undefined;
      return;
    }
    this.#listeningSinceMs ??= nowMs;
    if (!this.#parts.isInCharge()) return;
    for (const [name, { lease, heardMs }] of leases.all()) {
      const leaseMs = lease.leaseMs ?? 0;
      const watchedMs = nowMs - Math.max(heardMs, this.#listeningSinceMs);
      if (RUNNING.has(lease.state ?? "") && watchedMs > leaseMs) this.#expire(name, lease, watchedMs);
    }
  }

  /** A process that was paused hears its own beats and those of others again, but not all in the same moment. */
  #hearsAll(nowMs: number): boolean {
    const { leases, node, beatMs } = this.#parts;
    const latestMs = nowMs - beatMs - OWN_BEAT_LATE_MS;
    const wasAwake = this.#lookedMs >= latestMs;
    this.#lookedMs = nowMs;
    return wasAwake && (leases.get(node)?.heardMs ?? 0) >= latestMs;
  }

  #expire(node: string, lease: NodeLeaseJson, silentMs: number): void {
    const { log, logger } = this.#parts;
    logger.warn({ node, incarnation: lease.incarnation, silentMs }, "a node is silent: its life is declared over");
    const value = encodeNodeLease({ ...lease, state: "NODE_LEASE_STATE_EXPIRED" });
    log.append(TOPICS.nodes, PARTITION, { key: keyBytes(node), value }).catch((error: unknown) => {
      logger.warn({ node, err: error }, "an expiry could not be written and is tried again");
    });
  }
}
