import type { Samples, Summary } from "./samples.ts";

export interface Comparison {
  readonly tokensPerSecond: number;
  readonly sessions: number;
  readonly rawKafka: Summary;
  readonly perdure: Summary;
  readonly ratio: { readonly p50: number; readonly p95: number; readonly p99: number };
}

export function compare(tokensPerSecond: number, sessions: number, raw: Samples, path: Samples): Comparison {
  const rawKafka = raw.summary();
  const perdure = path.summary();
  return {
    tokensPerSecond,
    sessions,
    rawKafka,
    perdure,
    ratio: {
      p50: perdure.p50Ms / rawKafka.p50Ms,
      p95: perdure.p95Ms / rawKafka.p95Ms,
      p99: perdure.p99Ms / rawKafka.p99Ms,
    },
  };
}

export function tableOf(comparisons: readonly Comparison[]): string {
  const rows = comparisons.flatMap(({ tokensPerSecond, sessions, rawKafka, perdure, ratio }) => [
    row(`${tokensPerSecond} tokens/s, ${sessions} sessions`, "p50 ms", "p95 ms", "p99 ms"),
    row("  raw Kafka, produce -> consume", ...figures(rawKafka)),
    row("  agent -> screen", ...figures(perdure)),
    row("  ratio", ...[ratio.p50, ratio.p95, ratio.p99].map((value) => `${value.toFixed(2)}x`)),
  ]);
  return rows.join("\n");
}

const figures = ({ p50Ms, p95Ms, p99Ms }: Summary): string[] => [p50Ms, p95Ms, p99Ms].map((value) => value.toFixed(2));

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(36) + cells.map((cell) => cell.padStart(10)).join("");
}
