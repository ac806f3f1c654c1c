import type { AttachHow } from "@perdure/protocol";
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
  /** One connection more or less that is not sent what happens, since too much waits for it. */
  lagging(change: 1 | -1): void;
  /** A connection that lagged was told what it lacks. */
  updated(how: AttachHow): void;
  /** Something in passing was not sent to a connection for which much waits. */
  passedOver(): void;
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
  const lagging = new Gauge({
    name: "perdure_edge_lagging_connections",
    help: "Connections that are not sent what happens until they have taken what waits for them.",
    registers,
  });
  const updates = new Counter({
    name: "perdure_edge_updates_total",
    help: "Sessions brought up to date after a connection had lagged.",
    labelNames: ["how"],
    registers,
  });
  const passedOver = new Counter({
    name: "perdure_edge_passed_over_total",
    help: "Frames in passing that were not sent, since much waited for the connection.",
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
    lagging: (change) => lagging.inc(change),
    updated: (how) => updates.inc({ how }),
    passedOver: () => passedOver.inc(),
    closed: (code) => closes.inc({ code }),
    refused: (code) => refusals.inc({ code }),
  };
}
