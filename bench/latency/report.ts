import type { Mark, Table } from "../measure/report.ts";
import type { Compared, Measured } from "./rounds.ts";

export interface Comparison {
  readonly table: Table;
  readonly marks: readonly Mark[];
}

/** The path beside raw Kafka, and what its hops cost alone, at one rate. */
export function compare(tokensPerSecond: number, sessions: number, measured: Compared<Measured>): Comparison {
  const { raw, relay, whole } = measured;
  const floor = figures(raw);
  const row = (name: string, each: Measured) => {
    const [p50 = 0, p95 = 0, p99 = 0] = figures(each);
    const [p50Times = 0, , p99Times = 0] = timesOf([p50, p95, p99], floor);
    return { name, values: [p50, p95, p99, p50Times, p99Times, each.seconds, each.othersShare] };
  };
  const [p50Ratio = Number.NaN, , p99Ratio = Number.NaN] = timesOf(figures(whole), floor);
  const of = (what: string): string => `${what} at ${tokensPerSecond} tokens/s`;
  return {
    table: {
      title: `${tokensPerSecond} tokens/s, ${sessions} sessions`,
      columns: ["p50 ms", "p95 ms", "p99 ms", "p50 / raw", "p99 / raw", "s that count", "others' share"],
      plotted: ["p50 ms", "p95 ms", "p99 ms"],
      rows: [
        row("raw Kafka, produce -> consume", raw),
        row("bare relay: gRPC -> Kafka -> WebSocket", relay),
        row("agent -> screen", whole),
      ],
    },
    marks: [
      { what: of("p50 beside raw Kafka"), unit: "times", measured: p50Ratio, limit: 2 },
      { what: of("p99 beside raw Kafka"), unit: "times", measured: p99Ratio, limit: 1.5 },
      { what: of("p99"), unit: "ms", measured: figures(whole).at(-1) ?? Number.NaN, limit: 6.5 },
    ],
  };
}

function figures({ samples }: Measured): number[] {
  const { p50Ms, p95Ms, p99Ms } = samples.summary();
  return [p50Ms, p95Ms, p99Ms];
}

const timesOf = (values: readonly number[], floor: readonly number[]): number[] =>
  values.map((value, index) => value / (floor[index] ?? Number.NaN));
