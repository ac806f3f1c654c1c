import { type AttachHow } from "@perdure/protocol";
import { LATENCY_BUCKETS_S } from "@perdure/service-kit";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What an edge counts. Labels have few values; none names a session or a person. */
export interface EdgeMetrics {
  connected(count: number): void;
  attached(how: AttachHow, seconds: number): void;
  /** An attach that came with a cursor: somebody was here before. */
  reattached(): void;
  /** From the log's append time to the publish here. */
  delivered(seconds: number, frames: number): void;
  closed(code: string): void;
  refused(code: string): void;
}

export function edgeMetrics(registry: Registry): EdgeMetrics {
  const registers = [registry];
  const buckets = [...LATENCY_BUCKETS_S];
  const connections = new Gauge({ name: "perdure_edge_connections", help: "Open WebSockets.", registers });
  const attaches = new Histogram({
    name: "perdure_edge_attach_seconds",
    help: "Time from an attach to its answer.",
    labelNames: ["how"],
    buckets,
    registers,
  });
  const reattaches = new Counter({ name: "perdure_edge_reattaches_total", help: "Attaches with a cursor.", registers });
  const delivery = new Histogram({
    name: "perdure_edge_delivery_seconds",
    help: "Time from a record's append to the log until its publish to clients.",
    buckets,
    registers,
  });
  const frames = new Counter({
    name: "perdure_edge_published_frames_total",
    help: "Frames encoded and published, once for all receivers of a level.",
    registers,
  });
  const closes = new Counter({
    name: "perdure_edge_closes_total",
    help: "Connections closed, by code.",
    labelNames: ["code"],
    registers,
  });
  const refusals = new Counter({
    name: "perdure_edge_refusals_total",
    help: "Requests and records refused, by code.",
    labelNames: ["code"],
    registers,
  });
  return {
    connected: (count) => connections.set(count),
    attached: (how, seconds) => attaches.observe({ how }, seconds),
    reattached: () => reattaches.inc(),
    delivered(seconds, count) {
      delivery.observe(seconds);
      frames.inc(count);
    },
    closed: (code) => closes.inc({ code }),
    refused: (code) => refusals.inc({ code }),
  };
}
