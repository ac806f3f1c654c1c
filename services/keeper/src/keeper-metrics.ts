import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Checkpointed } from "./checkpoint-writer.ts";

/** What the metrics look at when they are asked for. */
export interface KeptTotals {
  readonly partitions: number;
  readonly sessions: number;
  readonly uncoveredBytes: number;
  /** Sessions that wait for a keeper which knows their rules. */
  readonly unjudged: number;
  /** Silent nodes that are not declared dead because they are too many at once. */
  readonly heldExpiries: number;
}

/** The keeper's own metrics, in the registry of its process. */
export class KeeperMetrics {
  readonly #checkpoints: Histogram;
  readonly #sessions: Counter;
  readonly #bytes: Counter;
  readonly #alerts: Counter<"reason">;

  constructor(registry: Registry, totals: () => KeptTotals) {
    const registers = [registry];
    this.#checkpoints = new Histogram({
      name: "perdure_keeper_checkpoint_seconds",
      help: "How long a checkpoint took, from its first session to the commit",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#sessions = new Counter({
      name: "perdure_keeper_checkpointed_sessions_total",
      help: "Heads written",
      registers,
    });
    this.#bytes = new Counter({
      name: "perdure_keeper_checkpointed_bytes_total",
      help: "Bytes of heads, and of the records that they cover",
      registers,
    });
    this.#alerts = new Counter({
      name: "perdure_keeper_alerts_total",
      help: "Sessions set aside, rules too new, partitions whose history is lost or that the log does not let it have, too many silent nodes at once",
      labelNames: ["reason"],
      registers,
    });
    const gauge = (name: string, help: string, value: (from: KeptTotals) => number): Gauge =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value(totals()));
        },
      });
    gauge("perdure_keeper_partitions", "Partitions kept", ({ partitions }) => partitions);
    gauge("perdure_keeper_sessions", "Sessions in memory", ({ sessions }) => sessions);
    gauge(
      "perdure_keeper_unjudged_sessions",
      "Sessions that wait for a keeper which knows their rules",
      ({ unjudged }) => unjudged,
    );
    gauge(
      "perdure_keeper_held_expiries",
      "Silent nodes that are not declared dead, because they are too many at once",
      ({ heldExpiries }) => heldExpiries,
    );
    gauge("perdure_keeper_uncovered_bytes", "Record bytes that no head covers", ({ uncoveredBytes }) => uncoveredBytes);
  }

  checkpointed({ sessions, bytes }: Checkpointed, tookMs: number): void {
    this.#checkpoints.observe(tookMs / 1000);
    this.#sessions.inc(sessions);
    this.#bytes.inc(bytes);
  }

  alert(reason: string): void {
    this.#alerts.inc({ reason });
  }
}
