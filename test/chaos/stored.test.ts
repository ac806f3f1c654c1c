import { expect, test } from "vitest";
import { encodeRecord, type EventJson } from "@perdure/protocol";
import { storedSession } from "./stored.ts";

const PRODUCER = "0123456789abcdef";
const actor = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;

function said(number: number, text: string): Uint8Array {
  const messageId = `${PRODUCER}:${number}:0`;
  const events: EventJson[] = [
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text }, complete: true } },
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
  return encodeRecord({ producer: PRODUCER, first: number, last: number, actor, events });
}

const created = encodeRecord({ producer: PRODUCER, first: 1, last: 1, actor, events: [{ sessionCreated: {} }] });

const stored = (...values: readonly Uint8Array[]) =>
  storedSession(values.map((value, offset) => ({ offset, timeMs: 1_000 + offset, value })));

test("a record that the log holds twice is told once, and counted as what it is (SPEC 4)", () => {
  const { questions, verdicts } = stored(created, said(2, "one"), said(2, "one"), said(3, "two"));
  expect(questions).toEqual(["one", "two"]);
  expect(verdicts).toEqual(["accepted", "accepted", "duplicate", "accepted"]);
});

test("a record that is missing shows", () => {
  const { questions, verdicts } = stored(created, said(3, "two"));
  expect(questions).toEqual([]);
  expect(verdicts).toEqual(["accepted", "producer_gap"]);
});

test("what has left the state for pages is told too, in order", () => {
  const texts = Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(4_000)}`);
  const { questions, state } = stored(created, ...texts.map((text, index) => said(index + 2, text)));
  expect(questions).toEqual(texts);
  expect(state.messages.size).toBeLessThan(40);
});
