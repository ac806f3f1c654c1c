/** Numbers as people read them. */

/** A duration: `80 ms`, `3.2 s`, `1 min`, `2 min 5 s`. */
export function seconds(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 10_000) return `${Number((durationMs / 1_000).toFixed(1))} s`;
  const whole = Math.round(durationMs / 1_000);
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return `${Math.floor(whole / 60)} min${rest === 0 ? "" : ` ${rest} s`}`;
}

export const count = (number: number, noun: string): string =>
  `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
