import { LATENCY_BUCKETS_S } from "@perdure/service-kit";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What an ingest node counts. Labels have few values; none names a session or an agent. */
export interface IngestMetrics {
  streams(count: number): void;
  /** A record was answered: `accepted`, `duplicate`, `passed`, or a code. */
  judged(outcome: string): void;
  /** Starts a clock; call what it returns when the record is in the log. */
  timeStored(): () => void;
  streamEnded(code: string): void;
  lost(reason: string): void;
}

export function ingestMetrics(registry: Registry): IngestMetrics {
  const registers = [registry];
  const streams = new Gauge({ name: "perdure_ingest_streams", help: "Open agent streams.", registers });
  const records = new Counter({
    name: "perdure_ingest_records_total",
    help: "Records of agents that were answered, by outcome.",
    labelNames: ["outcome"],
    registers,
  });
  const stored = new Histogram({
    name: "perdure_ingest_store_seconds",
    help: "Time from a record's arrival until it is in the log.",
    buckets: [...LATENCY_BUCKETS_S],
    registers,
  });
  const ends = new Counter({
    name: "perdure_ingest_stream_ends_total",
    help: "Agent streams that ended, by code; ok: in good order.",
    labelNames: ["code"],
    registers,
  });
  const losses = new Counter({
    name: "perdure_ingest_lost_agents_total",
    help: "Agents found lost, by reason.",
    labelNames: ["reason"],
    registers,
  });
  return {
    streams: (count) => streams.set(count),
    judged: (outcome) => records.inc({ outcome }),
    timeStored: () => stored.startTimer(),
    streamEnded: (code) => ends.inc({ code }),
    lost: (reason) => losses.inc({ reason }),
  };
}
