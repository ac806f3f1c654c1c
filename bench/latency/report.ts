import type { Measured } from "./rounds.ts";
import type { Summary } from "./samples.ts";

export interface Comparison {
  readonly tokensPerSecond: number;
  readonly sessions: number;
  readonly rawKafka: Summary;
  readonly perdure: Summary;
  readonly ratio: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Seconds of each that count: those in which other programs let the bench be. */
  readonly seconds: { readonly rawKafka: number; readonly perdure: number };
  /** The most that other programs had of the machine's processors in one of these. */
  readonly othersShare: number;
}

export function compare(
  tokensPerSecond: number,
  sessions: number,
  { raw, whole }: { readonly raw: Measured; readonly whole: Measured },
): Comparison {
  const rawKafka = raw.samples.summary();
  const perdure = whole.samples.summary();
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
    seconds: { rawKafka: raw.seconds, perdure: whole.seconds },
    othersShare: Math.max(raw.othersShare, whole.othersShare),
  };
}

export function tableOf(comparisons: readonly Comparison[]): string {
  const rows = comparisons.flatMap(({ tokensPerSecond, sessions, rawKafka, perdure, ratio, seconds, othersShare }) => [
    row(`${tokensPerSecond} tokens/s, ${sessions} sessions`, "p50 ms", "p95 ms", "p99 ms"),
    row("  raw Kafka, produce -> consume", ...figures(rawKafka)),
    row("  agent -> screen", ...figures(perdure)),
    row("  ratio", ...[ratio.p50, ratio.p95, ratio.p99].map((value) => `${value.toFixed(2)}x`)),
    `  ${seconds.rawKafka} and ${seconds.perdure} s count; other programs had up to ${(othersShare * 100).toFixed(0)} % of the processors`,
  ]);
  return rows.join("\n");
}

const figures = ({ p50Ms, p95Ms, p99Ms }: Summary): string[] => [p50Ms, p95Ms, p99Ms].map((value) => value.toFixed(2));

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(36) + cells.map((cell) => cell.padStart(10)).join("");
}
