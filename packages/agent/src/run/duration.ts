/** A time: milliseconds, or text such as `90s`, `15m`, `2h`, `1d`. */
export type Duration = number | `${number}${"s" | "m" | "h" | "d"}`;

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export function durationMs(duration: Duration): number {
  if (typeof duration === "number") return duration;
  const unit = duration.at(-1);
  const amount = Number(duration.slice(0, -1));
  return unit === "s" || unit === "m" || unit === "h" || unit === "d" ? amount * UNIT_MS[unit] : amount;
}
