import type { Log } from "@perdure/log";
import { encodeNodeLease, keyBytes, type NodeLeaseJson } from "@perdure/protocol";
import { type Clock, TOPICS } from "@perdure/replica";
import { isRunning, type Logger } from "@perdure/service-kit";
import type { ExpiryHold } from "./expiry-hold.ts";
import type { NodeLeases } from "./node-leases.ts";

export interface NodeExpiryParts {
  readonly log: Pick<Log, "append" | "bounds">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leases: Pick<NodeLeases, "all" | "get" | "heardTo">;
  readonly hold: ExpiryHold;
  /** This keeper's own name. */
  readonly node: string;
  readonly beatMs: number;
  /** Whether it is this keeper's turn: only the owner of partition 0 declares lives over. */
  readonly isInCharge: () => boolean;
  /** Looks at the leases as well; `listenedMs`: for how long this keeper has heard everything. */
  readonly onLook: (listenedMs: number) => void;
}

/** How late the keeper's own beat, or the log's end, may come back for it to trust what it does not hear of others. */
const LATE_MS = 2_000;
const PARTITION = 0;

/** A node whose lease runs, and how long it was listened for in vain. */
interface Watched {
  readonly node: string;
  readonly lease: NodeLeaseJson;
  readonly silentMs: number;
}

const isDead = ({ lease, silentMs }: Watched): boolean => silentMs > (lease.leaseMs ?? 0);

/**
 * Declares the lives of silent nodes over. A keeper that is itself cut off, or has only just begun to listen, declares
 * nobody: its own beat must come back in time, and must have done so for as long as the lease it judges. Its last beat
 * says nothing of what came after it, so it also asks where the log ends and reads to there before it judges. Nor does
 * one that hears too few of the others.
 */
export class NodeExpiry {
  readonly #parts: NodeExpiryParts;
  /** Since when this keeper has heard everything; undefined: it does not now. */
  #listeningSinceMs: number | undefined;
  #lookedMs: number;
  #cancelTimer: () => void;
  /** When the log was last asked where it ends, as long as that answer counts. */
  #askedMs: number | undefined;

  constructor(parts: NodeExpiryParts) {
    this.#parts = parts;
    this.#lookedMs = parts.clock.now();
    this.#cancelTimer = this.#schedule();
  }

  close(): void {
    this.#askedMs = undefined;
    this.#cancelTimer();
  }

  #schedule(): () => void {
    return this.#parts.clock.after(this.#parts.beatMs / 2, () => {
      this.#cancelTimer = this.#schedule();
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#parts.clock.now();
    if (!this.#hearsAll(nowMs)) {
      this.#listeningSinceMs = undefined;
      this.#askedMs = undefined;
      this.#parts.hold.forget();
      this.#parts.onLook(0);
      return;
    }
    this.#listeningSinceMs ??= nowMs;
    this.#parts.onLook(nowMs - this.#listeningSinceMs);
    if (!this.#parts.isInCharge()) return this.#parts.hold.forget();
    const running = this.#running(nowMs, this.#listeningSinceMs);
    if (running.some(isDead)) void this.#judgeAsOf(nowMs, this.#listeningSinceMs);
    else this.#judge(running);
  }

  /** Judges when everything was heard that the log held at `askedMs`: a node may have beaten behind what was heard. */
  async #judgeAsOf(askedMs: number, sinceMs: number): Promise<void> {
    if (this.#askedMs !== undefined && askedMs - this.#askedMs <= LATE_MS) return;
    this.#askedMs = askedMs;
    try {
      const { end } = await this.#parts.log.bounds(TOPICS.nodes, PARTITION);
      await this.#parts.leases.heardTo(end);
      if (this.#mayJudge(askedMs)) this.#judge(this.#running(askedMs, sinceMs));
    } catch (error) {
      this.#parts.logger.warn({ err: error }, "silent nodes are not judged: the log does not say where it ends");
    } finally {
      if (this.#askedMs === askedMs) this.#askedMs = undefined;
    }
  }

  /** Meanwhile this keeper may have ceased to hear, asked again, or lost its turn; what is told late has passed. */
  #mayJudge(askedMs: number): boolean {
    const { clock, isInCharge } = this.#parts;
    return this.#askedMs === askedMs && clock.now() - askedMs <= LATE_MS && isInCharge();
  }

  #running(nowMs: number, sinceMs: number): Watched[] {
    const running: Watched[] = [];
    for (const [node, { lease, heardMs }] of this.#parts.leases.all()) {
      if (isRunning(lease)) running.push({ node, lease, silentMs: nowMs - Math.max(heardMs, sinceMs) });
    }
    return running;
  }

  /**
   * Nodes that are cut off at one moment run out of their leases within a beat of each other, so whoever will by then
   * counts as silent when the first one does.
   */
  #judge(running: readonly Watched[]): void {
    const dead = running.filter(isDead);
    const silent = running.filter(({ lease, silentMs }) => silentMs > (lease.leaseMs ?? 0) - this.#parts.beatMs);
    const silence = { runningCount: running.length, silentCount: dead.length === 0 ? 0 : silent.length };
    if (!this.#parts.hold.holds(silence)) for (const watched of dead) this.#expire(watched);
  }

  /** A process that was paused hears its own beats and those of others again, but not all in the same moment. */
  #hearsAll(nowMs: number): boolean {
    const { leases, node, beatMs } = this.#parts;
    const latestMs = nowMs - beatMs - LATE_MS;
    const wasAwake = this.#lookedMs >= latestMs;
    this.#lookedMs = nowMs;
    return wasAwake && (leases.get(node)?.heardMs ?? 0) >= latestMs;
  }

  #expire({ node, lease, silentMs }: Watched): void {
    const { log, logger } = this.#parts;
    logger.warn({ node, incarnation: lease.incarnation, silentMs }, "a node is silent: its life is declared over");
    const value = encodeNodeLease({ ...lease, state: "NODE_LEASE_STATE_EXPIRED" });
    log.append(TOPICS.nodes, PARTITION, { key: keyBytes(node), value }).catch((error: unknown) => {
      logger.warn({ node, err: error }, "an expiry could not be written and is tried again");
    });
  }
}
