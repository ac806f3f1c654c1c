import { fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAppend } from "./append-codec.ts";
import { encodeAppend } from "./append-encoder.ts";
import {
  decodeHead,
  decodeIndexEntry,
  decodeNodeLease,
  decodePage,
  decodeRecord,
  decodeWatermark,
  encodeHead,
  encodeIndexEntry,
  encodeNodeLease,
  encodePage,
  encodeRecord,
  encodeWatermark,
  keyBytes,
  keyText,
} from "./codec.ts";
import { ProtocolError } from "./errors.ts";
import { type RecordJson, RecordSchema } from "./schema.ts";

const token: RecordJson = {
  producer: "p-1",
  first: 7,
  last: 9,
  born: 3,
  actor: { tenant: "acme", participant: "agent:writer", role: "ROLE_AGENT", instance: "i-1" },
  attempt: 5,
  audience: "AUDIENCE_STAFF",
  epoch: "9007199254740991",
  events: [{ partAppended: { partId: "p-1:2:0", at: 42, text: "hé🜁\0 token" } }],
};

const generic = (bytes: Uint8Array): RecordJson => toJson(RecordSchema, fromBinary(RecordSchema, bytes));

/** As untyped callers do. */
const claimsToBeRecord = (value: unknown): value is RecordJson => value !== undefined;

/** What decoding comes to: the text of the JSON, so that the order of keys counts, or that it was refused. */
function outcome(decode: (bytes: Uint8Array) => RecordJson, bytes: Uint8Array): string {
  try {
    return JSON.stringify(decode(bytes));
  } catch {
    return "refused";
  }
}

/** Field 10, an event: its field 61, an append with part id "p" at 1. */
const anAppend = "5208 ea0305 0a0170 1001";

const word = fc.string({ unit: "grapheme", maxLength: 80 });
const uint32 = fc.nat(0xffff_ffff);
const appendRecord: fc.Arbitrary<RecordJson> = fc.record(
  {
    producer: word,
    first: uint32,
    last: uint32,
    born: uint32,
    actor: fc.record(
      {
        tenant: word,
        participant: word,
        role: fc.constantFrom("ROLE_UNSPECIFIED", "ROLE_AGENT", "ROLE_SYSTEM"),
        instance: word,
      },
      { requiredKeys: [] },
    ),
    attempt: uint32,
    audience: fc.constantFrom("AUDIENCE_UNSPECIFIED", "AUDIENCE_ALL", "AUDIENCE_STAFF", "AUDIENCE_AGENTS"),
    cause: fc.record({ seq: uint32 }),
    epoch: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    events: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.record({ partAppended: fc.record({ partId: word, at: uint32, text: word }) }) },
        fc.record({ transient: fc.record({ kind: word, data: word }) }),
        fc.constant({}),
      ),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: ["events"] },
);

describe("records", () => {
  test("come back as they were written", () => {
    expect(decodeRecord(encodeRecord(token))).toEqual(token);
  });

  test("of one append take the fast path", () => {
    expect(decodeAppend(encodeRecord(token))).toEqual(token);
    expect(decodeAppend(encodeRecord({ ...token, cause: { seq: 1 } }))).toBeUndefined();
    expect(decodeAppend(encodeRecord({ ...token, events: [...(token.events ?? []), {}] }))).toBeUndefined();
  });

  test("decode the same by the fast path as by reflection", () => {
    fc.assert(
      fc.property(appendRecord, (record) => {
        const bytes = toBinary(RecordSchema, fromJson(RecordSchema, record));
        expect(outcome(decodeRecord, bytes)).toBe(outcome(generic, bytes));
      }),
      { numRuns: 1_000, seed: 1 },
    );
  });

  test("encode the same by the fast path as by reflection", () => {
    fc.assert(
      fc.property(appendRecord, (record) => {
        const bytes = toBinary(RecordSchema, fromJson(RecordSchema, record));
        expect(encodeRecord(record)).toEqual(bytes);
        expect(encodeAppend(record) ?? bytes).toEqual(bytes);
      }),
      { numRuns: 1_000, seed: 1 },
    );
    expect(encodeAppend(token)).toEqual(toBinary(RecordSchema, fromJson(RecordSchema, token)));
  });

  test.each([
    ["a number as text", { first: "7" }],
    ["a number out of range", { first: 2 ** 32 }],
    ["a fraction", { first: 1.5 }],
    ["half a surrogate pair", { producer: "\ud83d" }],
    ["text as a number", { producer: 7 }],
    ["a role that there is not", { actor: { role: "ROLE_KING" } }],
    ["an epoch that is none", { epoch: "x" }],
    ["a field that there is not", { colour: "red" }],
  ])("with %s are left to reflection, which refuses or reads it", (_, wrong) => {
    const record: unknown = { ...token, ...wrong };
    expect(claimsToBeRecord(record) && encodeAppend(record)).toBeUndefined();
  });

  test("with damaged bytes come to the same end by both", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(appendRecord, damage, fc.nat(), (record, changes, cut) => {
        const whole = toBinary(RecordSchema, fromJson(RecordSchema, record));
        const bytes = whole.slice(0, whole.length - (cut % 4));
        for (const [index, value] of changes) if (bytes.length > 0) bytes[index % bytes.length] = value;
        expect(outcome(decodeRecord, bytes)).toBe(outcome(generic, bytes));
      }),
      { numRuns: 3_000, seed: 1 },
    );
  });

  test.each([
    ["a tag in six bytes", `8a80808080000170 ${anAppend}`],
    ["a tag in two bytes", `8a000170 ${anAppend}`],
    ["a default written out", `0a0170 2000 ${anAppend}`],
    ["empty text written out", `0a00 ${anAppend}`],
    ["fields in another order", `${anAppend} 0a0170`],
    ["a field twice", `0a0170 0a0171 ${anAppend}`],
    ["an actor that is longer than it says", `2a04 0a0161 120162 ${anAppend}`],
    ["an actor that is longer than the record", "0a0170 2a7f 0a0161"],
    ["an event that is shorter than what it holds", "5205 ea0305 0a0170 1001"],
    ["an event that is longer than what it holds", "520a ea0305 0a0170 1001 ea0300"],
    ["an event with a field behind its kind", "5208 ea0303 0a0170 1001"],
    ["an event whose tag takes three bytes", "5209 ea830005 0a0170 1001"],
    ["a role that nobody has", `2a02 1809 ${anAppend}`],
    ["an audience that nobody has", `3809 ${anAppend}`],
    ["no text but bytes", `0a01ff ${anAppend}`],
    ["two appends", anAppend + anAppend],
    ["no event", "0a0170"],
    ["nothing", ""],
  ])("with %s come to the same end by both", (_, hex) => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    expect(outcome(decodeRecord, bytes)).toBe(outcome(generic, bytes));
  });

  test("skip fields of a later version", () => {
    const later = Uint8Array.of(...encodeRecord(token), 0xa2, 0x06, 0x01, 0x78);
    expect(decodeRecord(later)).toEqual(token);
  });

  test.each<[string, unknown]>([
    ["an unknown field", { ...token, colour: "red" }],
    ["a number past uint32", { ...token, first: 2 ** 32 }],
    ["a fraction", { ...token, first: 1.5 }],
    ["half a surrogate pair", { ...token, producer: "\ud83d" }],
    ["no object", "record"],
  ])("are refused with %s, as ProtocolError malformed", (_, json) => {
    expect(() => claimsToBeRecord(json) && encodeRecord(json)).toThrow(ProtocolError);
  });

  test("that are rubbish are refused with a short message", () => {
    const rubbish = new Uint8Array(2_000_000).fill(0xff);
    expect(() => decodeRecord(rubbish)).toThrow(expect.objectContaining({ code: "malformed" }));
    expect(() => decodeRecord(rubbish)).toThrow(/^.{1,300}$/s);
  });
});

describe("other entries", () => {
  test("come back as they were written", () => {
    const head = { covered: "8", seq: 3, messages: [{ id: "p:1:0", parts: [{ part: { text: "x" } }] }] };
    expect(decodeHead(encodeHead(head))).toEqual(head);
    const page = { epoch: "8", number: 1, messages: [{ id: "p:1:0" }] };
    expect(decodePage(encodePage(page))).toEqual(page);
    const entry = { headOffset: "5", covered: "8", live: true, nodes: ["edge-1:2"] };
    expect(decodeIndexEntry(encodeIndexEntry(entry))).toEqual(entry);
    expect(decodeWatermark(encodeWatermark({ covered: "-1" }))).toEqual({ covered: "-1" });
    const lease = { node: "edge-1", beat: 4 };
    expect(decodeNodeLease(encodeNodeLease(lease))).toEqual(lease);
  });

  test("keys are UTF-8", () => {
    expect([...keyBytes("a/é")]).toEqual([0x61, 0x2f, 0xc3, 0xa9]);
    expect(keyText(keyBytes("acme/trip-42\u00008\u00001"))).toBe("acme/trip-42\u00008\u00001");
  });
});
