import { create, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeHeard, decodePublish, encodeHeard, encodePublish } from "./publish-codec.ts";
import { ConnectRequestSchema, ConnectResponseSchema, type RecordJson, RecordSchema } from "./schema.ts";

const append: RecordJson = {
  producer: "p-1",
  first: 7,
  last: 7,
  events: [{ partAppended: { partId: "p-1:2:0", at: 42, text: "hé🜁" } }],
};
const other: RecordJson = { ...append, events: [{ transient: { kind: "typing" } }] };

const requestOf = (session: string, record: RecordJson): Uint8Array =>
  toBinary(
    ConnectRequestSchema,
    create(ConnectRequestSchema, {
      kind: { case: "publish", value: { session, record: fromJson(RecordSchema, record) } },
    }),
  );

test.each([append, other])("a publish is written as the generic encoder does", (record) => {
  expect(encodePublish({ session: "s", record })).toEqual(requestOf("s", record));
});

test("a publish of one append is read whole, and everything else left to the generic decoder", () => {
  expect(decodePublish(requestOf("s", append))).toEqual({ session: "s", record: append });
  expect(decodePublish(requestOf("s", other))).toBeUndefined();
  expect(decodePublish(requestOf("", append))).toBeUndefined();
  const hello = create(ConnectRequestSchema, { kind: { case: "hello", value: { agent: "a" } } });
  expect(decodePublish(toBinary(ConnectRequestSchema, hello))).toBeUndefined();
  expect(decodePublish(new Uint8Array())).toBeUndefined();
});

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 });

function damaged(whole: Uint8Array, changes: readonly (readonly [number, number])[], cut: number): Uint8Array {
  const bytes = whole.slice(0, whole.length - cut);
  for (const [index, value] of changes) bytes[index % bytes.length] = value;
  return bytes;
}

test("SPEC 12.3: damaged bytes are read as the generic decoder reads them, or left to it", () => {
  fc.assert(
    fc.property(damage, fc.nat(3), (changes, cut) => {
      const bytes = damaged(requestOf("session", append), changes, cut);
      const fast = decodePublish(bytes);
      if (fast === undefined) return;
      const { kind } = fromBinary(ConnectRequestSchema, bytes);
      const { session, record } = kind.case === "publish" ? kind.value : { session: "", record: undefined };
      expect(fast).toEqual({ session, record: record && toJson(RecordSchema, record) });
    }),
    { numRuns: 3_000, seed: 1 },
  );
});

const responseOf = (session: string, record: RecordJson, seq: number, timeMs: number): Uint8Array => {
  const accepted = { seq, count: 1, timeMs: BigInt(timeMs), record: fromJson(RecordSchema, record) };
  const response = create(ConnectResponseSchema, { kind: { case: "record", value: { session, accepted } } });
  return toBinary(ConnectResponseSchema, response);
};

test("a heard append is read whole, and everything else left to the generic decoder", () => {
  const heard = { session: "s", seq: 12, count: 1, timeMs: 1_700_000_000_000, record: append };
  expect(decodeHeard(responseOf("s", append, heard.seq, heard.timeMs))).toEqual(heard);
  expect(decodeHeard(responseOf("s", other, heard.seq, heard.timeMs))).toBeUndefined();
  expect(decodeHeard(responseOf("s", append, 0, heard.timeMs))).toBeUndefined();
  const stored = create(ConnectResponseSchema, { kind: { case: "stored", value: { session: "s" } } });
  expect(decodeHeard(toBinary(ConnectResponseSchema, stored))).toBeUndefined();
  expect(decodeHeard(new Uint8Array())).toBeUndefined();
});

test("SPEC 12.3: damaged bytes that are heard are read as the generic decoder reads them, or left to it", () => {
  fc.assert(
    fc.property(damage, fc.nat(3), (changes, cut) => {
      const bytes = damaged(responseOf("session", append, 12, 1_700_000_000_000), changes, cut);
      const fast = decodeHeard(bytes);
      if (fast === undefined) return;
      const { kind } = fromBinary(ConnectResponseSchema, bytes);
      const { session, accepted } = kind.case === "record" ? kind.value : { session: "", accepted: undefined };
      const record = accepted?.record && toJson(RecordSchema, accepted.record);
      const { seq, count, timeMs } = { seq: accepted?.seq, count: accepted?.count, timeMs: Number(accepted?.timeMs) };
      expect(fast).toEqual({ session, seq, count, timeMs, record });
    }),
    { numRuns: 3_000, seed: 1 },
  );
});

test.each([
  [append, 12, 1_700_000_000_000],
  [other, 0, 0],
])("an accepted record is written as the generic encoder does", (record, seq, timeMs) => {
  expect(encodeHeard({ session: "s", seq, count: 1, timeMs, record })).toEqual(responseOf("s", record, seq, timeMs));
});

test("what cannot be written leaves nothing behind for what is written next", () => {
  const tooLarge = { ...append, first: 2 ** 40 };
  expect(() => encodePublish({ session: "s", record: tooLarge })).toThrow("not a Record");
  expect(encodePublish({ session: "s", record: append })).toEqual(requestOf("s", append));
  expect(() => encodeHeard({ session: "s", seq: 2 ** 40, count: 1, timeMs: 1, record: append })).toThrow(
    "out of its range",
  );
  expect(encodePublish({ session: "s", record: other })).toEqual(requestOf("s", other));
});
