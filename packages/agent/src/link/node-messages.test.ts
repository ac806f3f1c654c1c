import { create, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectResponseSchema } from "@perdure/protocol";
import { expect, test } from "vitest";
import { nodeMessages } from "./node-messages.ts";

type Kind = Exclude<MessageInitShape<typeof ConnectResponseSchema>["kind"], undefined>;

const bytesOf = (kind: Kind): Uint8Array => toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { kind }));

const record = (text: string): Kind => ({
  case: "record",
  value: {
    session: "s",
    accepted: {
      seq: 3,
      count: 1,
      timeMs: 5n,
      record: { producer: "p", first: 1, last: 1, events: [{ kind: { case: "partAppended", value: { text } } }] },
    },
  },
});
const progress: Kind = {
  case: "record",
  value: {
    session: "s",
    accepted: { seq: 4, count: 1, record: { events: [{ kind: { case: "transient", value: {} } }] } },
  },
};

test("accepted records, of one append and of anything else, come as the fold has them; all else as the schema has it", () => {
  const messages = [record("hi"), progress, { case: "stored", value: { session: "s", number: 1 } } as const];
  const batch = bytesOf({ case: "batch", value: { messages: messages.map((kind) => ({ kind })) } });
  const [append, other, stored] = nodeMessages(batch);
  expect(append).toEqual({
    case: "heard",
    value: {
      session: "s",
      seq: 3,
      count: 1,
      timeMs: 5,
      record: { producer: "p", first: 1, last: 1, events: [{ partAppended: { text: "hi" } }] },
    },
  });
  expect(other).toEqual({
    case: "heard",
    value: { session: "s", seq: 4, count: 1, timeMs: 0, record: { events: [{ transient: {} }] } },
  });
  expect(stored).toMatchObject({ case: "stored", value: { session: "s", number: 1 } });
});

test.each<[string, Uint8Array]>([
  ["a record without content", bytesOf({ case: "record", value: { session: "s" } })],
  ["a message of a newer node", Uint8Array.of(0xfa, 0x07, 0x00)],
  ["bytes that are no message", Uint8Array.of(0x0a, 0xff)],
  ["a batch that is none", Uint8Array.of(0x5a, 0x02, 0x12, 0x00)],
])("%s is passed over", (_name, bytes) => {
  expect(nodeMessages(bytes)).toEqual([]);
});
