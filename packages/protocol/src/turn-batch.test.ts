import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ConnectRequestSchema } from "./schema.ts";
import { messagesIn, TurnBatch } from "./turn-batch.ts";

const join = (session: string): Uint8Array =>
  toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { kind: { case: "join", value: { session } } }));

/** What goes out for messages that are handed in within one turn. */
function batchesOf(messages: readonly Uint8Array[]): Uint8Array[] {
  const written: Uint8Array[] = [];
  const ends: (() => void)[] = [];
  const batch = new TurnBatch({
    of: "requests",
    schedule: (atEnd) => ends.push(atEnd),
    write: (bytes) => written.push(bytes),
  });
  for (const message of messages) batch.add(message);
  for (const end of ends) end();
  return written;
}

const manyText = fc.array(fc.string({ minLength: 1 }), { minLength: 1 });

test("what goes out together is read as what was handed in, in order, and by the generic decoder too", () => {
  fc.assert(
    fc.property(manyText, (sessions) => {
      const [written = new Uint8Array(), ...more] = batchesOf(sessions.map(join));
      expect(more).toEqual([]);
      expect(messagesIn("requests", written)).toEqual(sessions.map(join));
      const { kind } = fromBinary(ConnectRequestSchema, written);
      expect(kind.case === "batch" ? kind.value.messages.length : 1).toBe(sessions.length);
    }),
  );
});

test("one message alone goes out as it is", () => {
  expect(batchesOf([join("s")])).toEqual([join("s")]);
  expect(messagesIn("requests", join("s"))).toEqual([join("s")]);
});

test("what is long goes out by itself, and nothing overtakes it", () => {
  const messages = ["a", "x".repeat(300_000), "b"].map(join);
  expect(batchesOf(messages)).toEqual(messages);
});

test("a batch that is cut short or holds something else is malformed", () => {
  const [batch = new Uint8Array()] = batchesOf([join("a"), join("b")]);
  for (let length = 1; length < batch.length; length += 1) {
    expect(() => messagesIn("requests", batch.subarray(0, length))).toThrow("a batch of requests that is none");
  }
  expect(() => messagesIn("requests", Uint8Array.of(0x52, 2, 0x12, 0))).toThrow("a batch of requests that is none");
});
