import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  EventSchema,
  HeadSchema,
  IndexEntrySchema,
  NodeLeaseSchema,
  PageSchema,
  RecordSchema,
  WatermarkSchema,
} from "./schema.ts";

/**
 * Bytes and JSON of one sample of everything that is stored or sent, with every field set, in golden/wire.txt. A
 * change of the schema that changes any of it fails here; where it is meant, `./dev vitest run packages/protocol -u`.
 */

/** A value that names its field, so that two fields swapped show. */
function sampleValue(field: DescField): JsonValue {
  switch (field.fieldKind) {
    case "scalar":
      return sampleScalar(field.scalar, field);
    case "enum":
      return field.enum.values[1]?.name ?? null;
    case "message":
      return sample(field.message);
    case "list":
      if (field.listKind === "message") return [sample(field.message)];
      if (field.listKind === "enum") return field.enum.values.slice(1, 3).map((value) => value.name);
      return [sampleScalar(field.scalar, field)];
    default:
      throw new Error(`${String(field)}: maps have no order, so the schema has none`);
  }
}

function sampleScalar(scalar: ScalarType, field: DescField): JsonValue {
  switch (scalar) {
    case ScalarType.STRING:
      return `${field.jsonName} é 🜁`;
    case ScalarType.BYTES:
      return Buffer.from(field.jsonName).toString("base64");
    case ScalarType.BOOL:
      return true;
    case ScalarType.UINT32:
      return 4_000_000_000 + field.number;
    case ScalarType.INT64:
      return String(2 ** 40 + field.number);
    default:
      throw new Error(`${String(field)}: the schema uses string, bytes, bool, uint32 and int64 only`);
  }
}

function sample(message: DescMessage): JsonObject {
  const json: JsonObject = {};
  for (const field of message.fields) {
    const firstOfOneof = field.oneof === undefined || field.oneof.fields[0] === field;
    if (firstOfOneof) json[field.jsonName] = sampleValue(field);
  }
  return json;
}

function oneOfEach(message: DescMessage): JsonObject[] {
  return message.fields.map((field) => ({ [field.jsonName]: sampleValue(field) }));
}

const samples: readonly (readonly [DescMessage, JsonObject])[] = [
  [RecordSchema, sample(RecordSchema)],
  ...oneOfEach(EventSchema).map((event) => [EventSchema, event] as const),
  [HeadSchema, sample(HeadSchema)],
  [PageSchema, sample(PageSchema)],
  [IndexEntrySchema, sample(IndexEntrySchema)],
  [WatermarkSchema, sample(WatermarkSchema)],
  [NodeLeaseSchema, sample(NodeLeaseSchema)],
  ...oneOfEach(ConnectRequestSchema).map((request) => [ConnectRequestSchema, request] as const),
  ...oneOfEach(ConnectResponseSchema).map((response) => [ConnectResponseSchema, response] as const),
];

describe("the wire", () => {
  test("bytes and JSON of every kind of entry, event and stream message are as committed", async () => {
    const lines = samples.flatMap(([schema, json]) => {
      const message = fromJson(schema, json);
      const bytes = Buffer.from(toBinary(schema, message)).toString("hex");
      return [schema.typeName, JSON.stringify(toJson(schema, message)), bytes, ""];
    });
    await expect(lines.join("\n")).toMatchFileSnapshot("golden/wire.txt");
  });

  test.each(samples)("%s: bytes and JSON carry the same", (schema, json) => {
    const message = fromJson(schema, json);
    expect(toJson(schema, message)).toEqual(json);
    expect(fromBinary(schema, toBinary(schema, message))).toEqual(message);
    expect(toBinary(schema, create(schema))).toHaveLength(0);
  });
});
