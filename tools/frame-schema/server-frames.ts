// JSON Schemas of the frames that a server sends. The types say which fields there are and which may be absent, so that
// a frame that changes does not compile until it is described here; the values are held against a real edge by the tests.
import type { AppendTuple, HiddenTuple, JsonSchema, ServerFrame } from "@perdure/protocol";

type ServerObject = Extract<ServerFrame, { readonly t: string }>;
type Kind = ServerObject["t"];
type FrameOf<K extends Kind> = Extract<ServerObject, { readonly t: K }>;

/** A field that may be absent. */
interface Optional {
  readonly optional: JsonSchema;
}
type Fields<F> = {
  readonly [Key in Exclude<keyof F, "t">]-?: undefined extends F[Key] ? Optional : JsonSchema & { optional?: never };
};

const text: JsonSchema = { type: "string" };
const flag: JsonSchema = { type: "boolean" };
const uint32: JsonSchema = { type: "integer", minimum: 0, maximum: 4_294_967_295 };
const epoch: JsonSchema = { type: "string", pattern: "^(0|[1-9][0-9]{0,15})$" };
const milliseconds: JsonSchema = { type: "integer", minimum: 0 };
const ref = (name: string): JsonSchema => ({ $ref: `#/$defs/${name}` });
const listOf = (items: JsonSchema): JsonSchema => ({ type: "array", items });
const code = ref("Code");
const optional = (schema: JsonSchema): Optional => ({ optional: schema });

const records = listOf({ anyOf: [ref("RecordFrame"), ref("AppendTuple"), ref("HiddenTuple")] });

const tables: { readonly [K in Kind]: Fields<FrameOf<K>> } = {
  welcome: {
    v: uint32,
    node: text,
    tenant: text,
    participant: text,
    role: ref("Role"),
    mayCreate: flag,
    expiresInMs: milliseconds,
    beatMs: milliseconds,
    maxFrameBytes: uint32,
  },
  attached: {
    id: uint32,
    h: uint32,
    how: { enum: ["resumed", "patched", "snapshot", "new"] },
    epoch: optional(epoch),
    seq: uint32,
    member: optional(text),
    code: optional(code),
    head: optional(ref("Head")),
    records: optional(records),
  },
  e: {
    h: uint32,
    s: uint32,
    at: milliseconds,
    p: text,
    n: uint32,
    by: ref("Actor"),
    epoch: optional(epoch),
    run: optional(uint32),
    au: optional(ref("Audience")),
    ev: listOf(ref("Event")),
  },
  x: { h: uint32, by: ref("Actor"), ev: listOf(ref("Event")) },
  ack: {
    h: uint32,
    p: text,
    n: uint32,
    s: uint32,
    code: optional(code),
    message: optional(text),
    expected: optional(uint32),
    winner: optional(text),
    retryAfterMs: optional(milliseconds),
  },
  update: {
    h: uint32,
    how: { enum: ["resumed", "patched", "snapshot"] },
    epoch: optional(epoch),
    seq: uint32,
    head: optional(ref("Head")),
    records: optional(records),
  },
  lagging: { h: uint32 },
  caught_up: { h: uint32 },
  detached: { h: uint32, code, message: optional(text), retryAfterMs: optional(milliseconds) },
  error: {
    id: optional(uint32),
    h: optional(uint32),
    code,
    message: text,
    retryAfterMs: optional(milliseconds),
  },
  move: { withinMs: milliseconds },
  page: { id: uint32, h: uint32, page: optional(ref("Page")), before: optional(uint32) },
  pong: {},
};

type TupleSchemas<T extends readonly unknown[]> = { readonly [Index in keyof T]: JsonSchema };

const appendTuple: TupleSchemas<AppendTuple> = [{ const: "a" }, uint32, uint32, uint32, uint32, text];
const hiddenTuple: TupleSchemas<HiddenTuple> = [{ const: "s" }, uint32, uint32, uint32];

/** `RecordFrame` for `e`: the names that the types have. */
const names: { readonly [K in Kind]: string } = {
  welcome: "WelcomeFrame",
  attached: "AttachedFrame",
  e: "RecordFrame",
  x: "TransientFrame",
  ack: "AckFrame",
  update: "UpdateFrame",
  lagging: "LaggingFrame",
  caught_up: "CaughtUpFrame",
  detached: "DetachedFrame",
  error: "ErrorFrame",
  move: "MoveFrame",
  page: "PageFrame",
  pong: "PongFrame",
};

export function serverFrameSchemas(): ReadonlyMap<string, JsonSchema> {
  const objects = Object.entries(tables).map(([kind, fields]): [string, JsonSchema] => [
    nameOf(kind),
    objectSchema({ t: { const: kind }, ...fields }),
  ]);
  return new Map([...objects, ["AppendTuple", tupleSchema(appendTuple)], ["HiddenTuple", tupleSchema(hiddenTuple)]]);
}

const nameOf = (kind: string): string => new Map(Object.entries(names)).get(kind) ?? kind;

function objectSchema(fields: Readonly<Record<string, JsonSchema | Optional>>): JsonSchema {
  const entries = Object.entries(fields);
  return {
    type: "object",
    additionalProperties: false,
    required: entries.filter(([, field]) => !isOptional(field)).map(([key]) => key),
    properties: Object.fromEntries(entries.map(([key, field]) => [key, isOptional(field) ? field.optional : field])),
  };
}

const isOptional = (field: JsonSchema | Optional): field is Optional =>
  typeof field["optional"] === "object" && field["optional"] !== null;

const tupleSchema = (items: readonly JsonSchema[]): JsonSchema => ({
  type: "array",
  prefixItems: items,
  items: false,
  minItems: items.length,
});
