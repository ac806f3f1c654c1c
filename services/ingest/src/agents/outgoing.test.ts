import { setImmediate as nextTurn } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { type ConnectResponse, ConnectResponseSchema } from "@perdure/protocol";
import { expect, test } from "vitest";
import { Outgoing } from "./outgoing.ts";

function setUp(maxBytes = 1_000_000) {
  const written: ConnectResponse["kind"][] = [];
  const onWritten: (() => void)[] = [];
  let tooSlow = 0;
  const sink = {
    write(bytes: Buffer, done: () => void) {
      written.push(fromBinary(ConnectResponseSchema, bytes).kind);
      onWritten.push(done);
    },
  };
  const outgoing = new Outgoing(sink, maxBytes, () => (tooSlow += 1));
  return { outgoing, written, onWritten, tooSlow: () => tooSlow };
}

const offerOf = (session: string) => ({ case: "offer", value: { session, runId: "r" } }) as const;

/** The sessions of the offers in each message. */
const sessionsOf = (written: readonly ConnectResponse["kind"][]): string[][] =>
  written.map((kind) =>
    (kind.case === "batch" ? kind.value.messages.map((each) => each.kind) : [kind]).map((each) =>
      each.case === "offer" ? each.value.session : "",
    ),
  );

test("what one turn brings is one message, in order", async () => {
  const { outgoing, written } = setUp();
  for (const session of ["a", "b", "c"]) outgoing.send(offerOf(session));
  expect(written).toEqual([]);
  await nextTurn();
  outgoing.send(offerOf("d"));
  await nextTurn();
  expect(sessionsOf(written)).toEqual([["a", "b", "c"], ["d"]]);
});

test("what is long goes out by itself, and nothing overtakes it", async () => {
  const { outgoing, written } = setUp();
  const long = "x".repeat(300_000);
  for (const session of ["a", long, "b"]) outgoing.send(offerOf(session));
  await nextTurn();
  expect(sessionsOf(written)).toEqual([["a"], [long], ["b"]]);
});

test("what was said before the end goes out, and nothing after it", async () => {
  const { outgoing, written } = setUp();
  outgoing.send(offerOf("a"));
  outgoing.close();
  outgoing.send(offerOf("b"));
  await nextTurn();
  expect(sessionsOf(written)).toEqual([["a"]]);
});

test("SPEC 11: what waits counts until it has been written, and past the cap its stream is told", async () => {
  const { outgoing, onWritten, tooSlow } = setUp(1_000);
  outgoing.send(offerOf("x".repeat(600)));
  await nextTurn();
  expect(tooSlow()).toBe(0);
  outgoing.send(offerOf("y".repeat(600)));
  expect(tooSlow()).toBe(1);
  await nextTurn();
  for (const done of onWritten) done();
  expect(outgoing.waitingBytes).toBe(0);
});
