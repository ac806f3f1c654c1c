import { readFileSync } from "node:fs";
import { z } from "zod";

/** What the transform of a schema may add problems to. */
export type Problems = z.core.$RefinementCtx;

/** Adds a problem of one variable, found only after all were read. */
export function problem(problems: Problems, variable: string, message: string): void {
  problems.issues.push({ code: "custom", path: [variable], message, input: undefined });
}

/** A whole number in decimal digits. */
export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: `must be a whole number from ${min} to ${max}`, abort: true })
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

/** A TCP port; 0 lets the system choose one. */
export const port = () => integer(0, 65_535);

/** A span in milliseconds. */
export const durationMs = (min: number, max: number) => integer(min, max);

export const bool = () => z.enum(["true", "false"], "must be true or false").transform((value) => value === "true");

/** Values separated by commas; at least one. */
export const list = (item: RegExp, rule: string) =>
  z
    .string()
    .transform((value) => value.split(",").map((entry) => entry.trim()))
    .refine((entries) => entries.every((entry) => item.test(entry)), `must be a list of ${rule}, separated by commas`);

/** A secret stands in the variable, or in the file that `<variable>_FILE` names. Not both. */
export function secretFrom(
  problems: Problems,
  variable: string,
  value: string | undefined,
  file: string | undefined,
): string | undefined {
  if (value !== undefined && file !== undefined) problem(problems, variable, `set it or ${variable}_FILE, not both`);
  return file === undefined ? value : readText(problems, `${variable}_FILE`, file)?.trim();
}

/** The text of a file that a variable names. */
export function readText(problems: Problems, variable: string, file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    problem(problems, variable, error instanceof Error ? error.message : "cannot be read");
    return undefined;
  }
}
