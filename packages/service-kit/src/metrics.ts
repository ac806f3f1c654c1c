import { collectDefaultMetrics, Registry } from "prom-client";

/** Upper bounds of latency histograms, in seconds: from half a millisecond, close around the marks, up to 10 s. */
export const LATENCY_BUCKETS_S: readonly number[] = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/**
 * The metrics of a process: its own (memory, event loop, garbage collection) and what its services add. Never label by
 * session or participant: their number has no bound.
 */
export function createMetrics(labels: { readonly service: string; readonly node: string }): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(labels);
  collectDefaultMetrics({ register: registry });
  return registry;
}
