import type { Mark, Table } from "../measure/report.ts";
import type { Measured } from "./rounds.ts";
import type { Summary } from "./samples.ts";

export interface Comparison {
  readonly table: Table;
  readonly marks: readonly Mark[];
}

/** The path beside raw Kafka at one rate. */
export function compare(
  tokensPerSecond: number,
  sessions: number,
  { raw, whole }: { readonly raw: Measured; readonly whole: Measured },
): Comparison {
  const floor = figures(raw.samples.summary());
  const path = figures(whole.samples.summary());
  const ratios = path.map((value, index) => value / (floor[index] ?? Number.NaN));
  const title = `${tokensPerSecond} tokens/s, ${sessions} sessions`;
  const of = (what: string): string => `${what} at ${tokensPerSecond} tokens/s`;
  const [p50Ratio = Number.NaN, , p99Ratio = Number.NaN] = ratios;
  return {
    table: {
      title,
      columns: ["p50 ms", "p95 ms", "p99 ms", "s that count", "others' share"],
      plotted: ["p50 ms", "p95 ms", "p99 ms"],
      rows: [
        { name: "raw Kafka, produce -> consume", values: [...floor, raw.seconds, raw.othersShare] },
        { name: "agent -> screen", values: [...path, whole.seconds, whole.othersShare] },
      ],
    },
    marks: [
      { what: of("p50 beside raw Kafka"), unit: "times", measured: p50Ratio, limit: 2 },
      { what: of("p99 beside raw Kafka"), unit: "times", measured: p99Ratio, limit: 1.5 },
      { what: of("p99"), unit: "ms", measured: path.at(-1) ?? Number.NaN, limit: 6.5 },
    ],
  };
}

const figures = ({ p50Ms, p95Ms, p99Ms }: Summary): number[] => [p50Ms, p95Ms, p99Ms];
