import type { Code } from "../codes.ts";
import { utf8Bytes } from "../weight.ts";

/** Judges the value of a field; undefined: it is fine. Absent fields come as undefined. */
export type Check = (value: unknown) => Code | undefined;

/** How the fields of a message must be. Only whole numbers below 2^32 and booleans need no check. */
export type Shape<Body> = {
  readonly [Key in keyof Body as Exclude<Body[Key], undefined> extends boolean | number ? never : Key]-?: Check;
};

/** Text of at most so many UTF-16 units. */
export const chars =
  (max: number): Check =>
  (value) =>
    typeof value === "string" && value.length > max ? "too_large" : undefined;

/** Text of at most so many bytes in UTF-8. */
export const bytes =
  (max: number): Check =>
  (value) =>
    // A UTF-16 unit takes three bytes at most, so short texts need no counting.
    typeof value === "string" && value.length * 3 > max && utf8Bytes(value) > max ? "too_large" : undefined;

/** As `check`, and neither absent nor empty. */
export const required =
  (check: Check): Check =>
  (value) =>
    value === undefined || value === "" ? "invalid_event" : check(value);

/** One of these words, or absent. */
export function oneOf<Word extends string>(words: Readonly<Record<Word, true>>): Check {
  return (value) =>
    value === undefined || (typeof value === "string" && Object.hasOwn(words, value)) ? undefined : "invalid_event";
}

/** A list of at most so many, each of which passes. */
export const list =
  (max: number, each: Check): Check =>
  (value) => {
    if (!Array.isArray(value)) return undefined;
    if (value.length > max) return "too_large";
    for (const entry of value) {
      const code = each(entry);
      if (code !== undefined) return code;
    }
    return undefined;
  };

/** A message inside. */
export function nested<Body>(shape: Shape<Body>): Check {
  const checks = Object.entries<Check>(shape);
  return (value) => (typeof value === "object" && value !== null ? checkFields(checks, value) : undefined);
}

/** A whole number of JSON's int64 text, between the two. */
export const wholeNumber =
  (min: number, max: number): Check =>
  (value) => {
    if (value === undefined) return undefined;
    const number = Number(value);
    return Number.isInteger(number) && number >= min && number <= max ? undefined : "invalid_event";
  };

/** The checks of a shape, on the fields of a message. */
export function checkFields(checks: readonly (readonly [string, Check])[], message: object): Code | undefined {
  const fields: Readonly<Record<string, unknown>> = { ...message };
  for (const [key, check] of checks) {
    const code = check(fields[key]);
    if (code !== undefined) return code;
  }
  return undefined;
}
