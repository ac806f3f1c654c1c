// JSON Schemas of the messages in proto/, in their canonical JSON form, with the comments of the .proto files.
import {
  type DescEnum,
  type DescEnumValue,
  type DescField,
  type DescMessage,
  type DescOneof,
  ScalarType,
} from "@bufbuild/protobuf";
import { getComments } from "@bufbuild/protoplugin";
import type { JsonSchema } from "@perdure/protocol";

/** A schema for each of the messages and for whatever they hold, by name. */
export function messageSchemas(roots: readonly DescMessage[]): ReadonlyMap<string, JsonSchema> {
  const schemas = new Map<string, JsonSchema>();
  const waiting: (DescMessage | DescEnum)[] = [...roots];
  for (let desc = waiting.pop(); desc !== undefined; desc = waiting.pop()) {
    if (schemas.has(desc.name)) continue;
    schemas.set(desc.name, desc.kind === "enum" ? enumSchema(desc) : messageSchema(desc));
    if (desc.kind === "message") waiting.push(...desc.fields.flatMap(heldBy));
  }
  return schemas;
}

const heldBy = ({ message, enum: words }: DescField): (DescMessage | DescEnum)[] => {
  const held = message ?? words;
  return held === undefined ? [] : [held];
};

const messageSchema = (desc: DescMessage): JsonSchema => ({
  ...described(desc),
  type: "object",
  additionalProperties: false,
  ...desc.oneofs.map((oneof) => oneofSchema(desc, oneof)).find((schema) => schema !== undefined),
  properties: Object.fromEntries(desc.fields.map((field) => [field.jsonName, fieldSchema(field)])),
});

/** Exactly one field, where a message is nothing but a choice; `optional` fields are choices of one and say nothing. */
const oneofSchema = (desc: DescMessage, oneof: DescOneof): JsonSchema | undefined =>
  oneof.fields.length === desc.fields.length && desc.fields.length > 1
    ? { minProperties: 1, maxProperties: 1 }
    : undefined;

function fieldSchema(field: DescField): JsonSchema {
  const { fieldKind } = field;
  if (fieldKind === "list") return { ...described(field), type: "array", items: valueSchema(field) };
  if (fieldKind === "map") throw new Error(`${String(field)}: maps have no place in the schema`);
  return { ...valueSchema(field), ...described(field) };
}

function valueSchema(field: Exclude<DescField, { fieldKind: "map" }>): JsonSchema {
  if (field.message !== undefined) return { $ref: `#/$defs/${field.message.name}` };
  if (field.enum !== undefined) return { $ref: `#/$defs/${field.enum.name}` };
  const schema = scalarSchemas.get(field.scalar);
  if (schema === undefined) throw new Error(`${String(field)}: no JSON Schema for its type`);
  return schema;
}

const scalarSchemas = new Map<ScalarType | undefined, JsonSchema>([
  [ScalarType.STRING, { type: "string" }],
  [ScalarType.BOOL, { type: "boolean" }],
  [ScalarType.BYTES, { type: "string", contentEncoding: "base64" }],
  [ScalarType.UINT32, { type: "integer", minimum: 0, maximum: 4_294_967_295 }],
  [ScalarType.INT64, { type: "string", pattern: "^-?[0-9]{1,19}$" }],
]);

const enumSchema = (desc: DescEnum): JsonSchema => ({
  ...described(desc),
  enum: desc.values.map(({ name }) => name),
});

function described(desc: DescMessage | DescEnum | DescField): { readonly description?: string } {
  const own = commentOn(desc);
  const words =
    desc.kind === "enum" ? desc.values.map((value) => ({ name: value.name, comment: commentOn(value) })) : [];
  const told = words.flatMap(({ name, comment }) => (comment === "" ? [] : [`${name}: ${comment}`]));
  const description = [...(own === "" ? [] : [own]), ...told].join(" ");
  return description === "" ? {} : { description };
}

const commentOn = (desc: DescMessage | DescEnum | DescEnumValue | DescField): string =>
  getComments(desc).leading?.replaceAll(/\s+/g, " ").trim() ?? "";
