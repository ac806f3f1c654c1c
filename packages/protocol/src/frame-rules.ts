/** What a field of a frame may hold. A rule answers with what is wrong, for people, or with nothing. */
import { AudienceSchema } from "./schema.ts";
import { isEnumJson } from "@bufbuild/protobuf";

export type Rule = ((value: unknown) => string | undefined) & { readonly optional?: true };

/** Largest value of the schema's uint32 fields. */
const UINT32_MAX = 4_294_967_295;
/** Most events that one record may hold (Record.events). */
const EVENTS_MAX = 64;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Text of at most `max` UTF-16 code units. */
export const text =
  (max: number): Rule =>
  (value) =>
    typeof value === "string" && value.length <= max ? undefined : `must be text of at most ${max} characters`;

/** Text of which one of `patterns` covers the whole. */
export const matching =
  (...patterns: readonly RegExp[]): Rule =>
  (value) =>
    typeof value === "string" && patterns.some((pattern) => pattern.test(value))
      ? undefined
      : `must match ${patterns.map((pattern) => pattern.source).join(" or ")}`;

/** A whole number from 0 to 2^32 - 1. */
export const uint32: Rule = (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= UINT32_MAX
    ? undefined
    : `must be a whole number from 0 to ${UINT32_MAX}`;

/** A log offset: decimal text below 2^53. */
export const epoch: Rule = (value) =>
  typeof value === "string" && /^(0|[1-9]\d{0,15})$/.test(value) && Number.isSafeInteger(Number(value))
    ? undefined
    : "must be an offset in decimal digits, as text";

export const audience: Rule = (value) =>
  isEnumJson(AudienceSchema, value) ? undefined : "must be one of AUDIENCE_ALL, AUDIENCE_STAFF, AUDIENCE_AGENTS";

/** One to 64 things; what they are is judged by the schema. */
export const eventList: Rule = (value) =>
  Array.isArray(value) && value.length >= 1 && value.length <= EVENTS_MAX
    ? undefined
    : `must be a list of 1 to ${EVENTS_MAX} events`;

export const optional = (rule: Rule): Rule =>
  Object.assign((value: unknown) => rule(value), { optional: true } as const);

/** An object with these fields and no others. */
export function shape(fields: Readonly<Record<string, Rule>>): Rule {
  return (value) => {
    if (!isObject(value)) return "must be an object";
    const unknown = Object.keys(value).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) return `has an unknown field ${JSON.stringify(unknown.slice(0, 40))}`;
    for (const [key, rule] of Object.entries(fields)) {
      const wrong = value[key] === undefined ? missing(rule) : rule(value[key]);
      if (wrong !== undefined) return `field ${key} ${wrong}`;
    }
    return undefined;
  };
}

const missing = (rule: Rule): string | undefined => (rule.optional === true ? undefined : "is missing");
