import { cpus } from "node:os";

/** What a bench has found: printed as text, or with `--json` as it is; `bench/plots.ts` draws it. */
export interface Report {
  readonly bench: string;
  /** What was done, and with how much of it. */
  readonly setting: string;
  readonly tables: readonly Table[];
  readonly marks: readonly Mark[];
}

export interface Table {
  readonly title: string;
  /** With their units: `p50 ms`. */
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  /** The columns that a plot shows; all of one unit. */
  readonly plotted: readonly string[];
}

export interface Row {
  readonly name: string;
  readonly values: readonly number[];
}

/** What is to be reached: a value of at most `limit`. */
export interface Mark {
  readonly what: string;
  readonly unit: string;
  readonly measured: number;
  readonly limit: number;
}

export function print(report: Report, json: boolean): void {
  const machine = `${cpus().length} cores, Node ${process.versions.node}`;
  console.log(json ? JSON.stringify({ machine, ...report }, null, 2) : textOf(report, machine));
}

function textOf({ bench, setting, tables, marks }: Report, machine: string): string {
  const lines = [`${bench}: ${setting} (${machine})`];
  for (const { title, columns, rows } of tables) {
    lines.push("", line(title, columns), ...rows.map(({ name, values }) => line(`  ${name}`, values.map(rounded))));
  }
  if (marks.length > 0) lines.push("", line("mark", ["measured", "at most", ""]));
  for (const { what, unit, measured, limit } of marks) {
    lines.push(line(`  ${what}, ${unit}`, [rounded(measured), rounded(limit), measured <= limit ? "met" : "MISSED"]));
  }
  return lines.join("\n");
}

const line = (name: string, cells: readonly string[]): string =>
  name.padEnd(58) + cells.map((cell) => cell.padStart(16)).join("");

/** Three digits, or all before the point. */
export function rounded(value: number): string {
  const digits = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toLocaleString("en", { maximumFractionDigits: Math.min(3, Math.max(0, 3 - digits)) });
}
