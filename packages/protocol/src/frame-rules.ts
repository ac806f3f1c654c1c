/** What a field of a frame may hold. A rule answers with what is wrong, for people, or with nothing. */
import { isEnumJson } from "@bufbuild/protobuf";
import { AudienceSchema } from "./schema.ts";

/** A JSON Schema (draft 2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** `schema` says the same to whoever writes a client; docs/protocol.schema.json is made of it. */
export type Rule = ((value: unknown) => string | undefined) & {
  readonly optional?: true;
  readonly schema: JsonSchema;
};

const rule = (schema: JsonSchema, judge: (value: unknown) => string | undefined): Rule =>
  Object.assign(judge, { schema });

/** Largest value of the schema's uint32 fields. */
const UINT32_MAX = 4_294_967_295;
/** Most events that one record may hold (Record.events). */
const EVENTS_MAX = 64;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Text of at most `max` UTF-16 code units. */
export const text = (max: number): Rule =>
  rule({ type: "string", maxLength: max }, (value) =>
    typeof value === "string" && value.length <= max ? undefined : `must be text of at most ${max} characters`,
  );

/** Text of which one of `patterns` covers the whole. */
export function matching(...patterns: readonly RegExp[]): Rule {
  const sources = patterns.map(({ source }) => source);
  return rule({ type: "string", pattern: sources.join("|") }, (value) =>
    typeof value === "string" && patterns.some((pattern) => pattern.test(value))
      ? undefined
      : `must match ${sources.join(" or ")}`,
  );
}

/** The field that names the kind of frame, by which its rules were found. */
export const kind = (name: string): Rule => rule({ const: name }, () => undefined);

/** A whole number from 0 to 2^32 - 1. */
export const uint32: Rule = rule({ type: "integer", minimum: 0, maximum: UINT32_MAX }, (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= UINT32_MAX
    ? undefined
    : `must be a whole number from 0 to ${UINT32_MAX}`,
);

const EPOCH_PATTERN = /^(0|[1-9]\d{0,15})$/;

/** A log offset: decimal text below 2^53. */
export const epoch: Rule = rule({ type: "string", pattern: EPOCH_PATTERN.source }, (value) =>
  typeof value === "string" && EPOCH_PATTERN.test(value) && Number.isSafeInteger(Number(value))
    ? undefined
    : "must be an offset in decimal digits, as text",
);

export const audience: Rule = rule({ $ref: "#/$defs/Audience" }, (value) =>
  isEnumJson(AudienceSchema, value) ? undefined : "must be one of AUDIENCE_ALL, AUDIENCE_STAFF, AUDIENCE_AGENTS",
);

/** One to 64 things; what they are is judged by the schema. */
export const eventList: Rule = rule(
  { type: "array", minItems: 1, maxItems: EVENTS_MAX, items: { $ref: "#/$defs/Event" } },
  (value) =>
    Array.isArray(value) && value.length >= 1 && value.length <= EVENTS_MAX
      ? undefined
      : `must be a list of 1 to ${EVENTS_MAX} events`,
);

export const optional = (required: Rule): Rule =>
  Object.assign((value: unknown) => required(value), { optional: true, schema: required.schema } as const);

/** An object with these fields and no others. */
export function shape(fields: Readonly<Record<string, Rule>>): Rule {
  return rule(shapeSchema(fields), (value) => {
    if (!isObject(value)) return "must be an object";
    const unknown = Object.keys(value).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) return `has an unknown field ${JSON.stringify(unknown.slice(0, 40))}`;
    for (const [key, judge] of Object.entries(fields)) {
      const wrong = value[key] === undefined ? missing(judge) : judge(value[key]);
      if (wrong !== undefined) return `field ${key} ${wrong}`;
    }
    return undefined;
  });
}

const shapeSchema = (fields: Readonly<Record<string, Pick<Rule, "optional" | "schema">>>): JsonSchema => ({
  type: "object",
  additionalProperties: false,
  required: Object.keys(fields).filter((key) => fields[key]?.optional !== true),
  properties: Object.fromEntries(Object.entries(fields).map(([key, { schema }]) => [key, schema])),
});

const missing = (judge: Rule): string | undefined => (judge.optional === true ? undefined : "is missing");
