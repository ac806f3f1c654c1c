import { create } from "@bufbuild/protobuf";
import { PerdureError, type RecordDraft } from "@perdure/core";
import { AgentVerdictSchema, type EventJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { Outbox, type OutboxLimits } from "./outbox.ts";
import { SendWindow } from "./window.ts";

const append = (at: number, text: string): EventJson => ({ partAppended: { partId: "p", at, text } });
const note = (label: string): EventJson => ({ agentProgress: { runId: "r", label } });

function outboxWith({
  limits,
  windowBytes = 1_000_000,
}: { limits?: Partial<OutboxLimits>; windowBytes?: number } = {}) {
  const sent: RecordDraft[] = [];
  const clock = new ManualClock();
  const window = new SendWindow();
  window.open(windowBytes);
  const broken: PerdureError[] = [];
  const outbox = new Outbox({
    producer: "me-1",
    window,
    clock,
    encode,
    send: (bytes) => sent.push(recordIn(bytes)),
    onBroken: (error) => broken.push(error),
    limits: { unjudgedCount: 64, waitingCount: 4, mergeFromCount: 2, ...limits },
  });
  const join = (ledger?: Parameters<Outbox["joined"]>[0]["ledger"]): void =>
    outbox.joined({ ledger, participant: "bot", seq: 7, epoch: "3" });
  const verdict = (
    first: number,
    code = "",
    more: { expected?: number; retryAfterMs?: number; seq?: number } = {},
  ): void =>
    outbox.verdict(create(AgentVerdictSchema, { session: "s", producer: "me-1", first, last: first, code, ...more }));
  const numbers = (): number[] => sent.splice(0).map(({ first = 0 }) => first);
  return { outbox, sent, clock, window, broken, join, verdict, numbers };
}

/** The records that were encoded, by their bytes. */
const encoded = new Map<Uint8Array, RecordDraft>();

function recordIn(bytes: Uint8Array): RecordDraft {
  const record = encoded.get(bytes);
  if (record === undefined) throw new Error("bytes that nobody encoded");
  return record;
}

function encode(record: RecordDraft): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(record));
  encoded.set(bytes, record);
  return bytes;
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "applied",
    (error: unknown) => (error instanceof PerdureError ? error.code : String(error)),
  );

function mergeAppend(outbox: Outbox, at: number, text: string) {
  return outbox.writeMerged({ attempt: 5, events: [append(at, text)] }, (earlier) => {
    const before = earlier.events[0]?.partAppended;
    return before && { ...earlier, events: [append(before.at ?? 0, `${before.text ?? ""}${text}`)] };
  });
}

describe("SPEC 4, 5: a record that never got to the session", () => {
  test("and was sent twice is stood in for: what comes second to it says nothing about what took its number", async () => {
    const { outbox, join, verdict, numbers, broken } = outboxWith();
    join();
    for (const label of ["one", "two"]) void outbox.write({ attempt: 5, events: [note(label)] });
    verdict(1, "forbidden", { expected: 1 });
    for (let times = 0; times < 2; times += 1) verdict(2, "forbidden", { expected: 2 });
    const third = outbox.write({ attempt: 5, events: [note("three")] });
    outbox.disconnected();
    numbers();
    join();
    expect(numbers()).toEqual([1, 2, 3]);
    for (const number of [1, 2]) verdict(number, "invalid_event");
    verdict(3, "", { seq: 9 });
    expect([await codeOf(third.applied), broken]).toEqual(["applied", []]);
  });

  test("is refused alone: something that the session refuses takes its number, and what follows goes on", async () => {
    const { outbox, sent, join, verdict, numbers, broken } = outboxWith();
    join();
    const [first, second] = ["a", "b"].map((label) => outbox.write({ attempt: 5, events: [note(label)] }).applied);
    numbers();
    verdict(2, "producer_gap", { expected: 1 });
    verdict(1, "too_large", { expected: 1 });
    expect(await codeOf(first ?? Promise.reject(new Error("not written")))).toBe("too_large");
    expect(sent.at(-2)).toMatchObject({ first: 1, attempt: 0, events: [{ messageClosed: {} }] });
    expect(sent.at(-1)).toMatchObject({ first: 2, events: [note("b")] });
    verdict(1, "too_large", { expected: 1 });
    verdict(1, "invalid_event");
    verdict(2, "", { seq: 9 });
    expect(await second).toBe(9);
    expect([outbox.empty, broken]).toEqual([true, []]);
  });

  test("is not sent where the node would end the stream for it: it is refused here, and what follows goes on", async () => {
    const { outbox, sent, window, join, verdict } = outboxWith();
    window.open(1_000_000, 300);
    const outcomes = ["a", "b".repeat(300), "c"].map((label) => outbox.write({ attempt: 5, events: [note(label)] }));
    join();
    expect(sent.map(({ events }) => events)).toEqual([[note("a")], [{ messageClosed: {} }], [note("c")]]);
    for (const [number, code] of [
      [1, ""],
      [2, "invalid_event"],
      [3, ""],
    ] as const)
      verdict(number, code);
    expect(await Promise.all(outcomes.map(({ applied }) => codeOf(applied)))).toEqual([
      "applied",
      "too_large",
      "applied",
    ]);
    expect([outbox.empty, window.usedBytes]).toEqual([true, 0]);
  });

  test("goes again after the given time where that passes, whatever the code, and fails nothing behind it", async () => {
    const { outbox, clock, join, verdict, numbers, broken } = outboxWith();
    join();
    const outcomes = ["a", "b"].map((label) => outbox.write({ attempt: 5, events: [note(label)] }).applied);
    numbers();
    verdict(1, "internal", { retryAfterMs: 500 });
    verdict(2, "producer_gap", { expected: 1 });
    expect(numbers()).toEqual([]);
    clock.advance(500);
    expect(numbers()).toEqual([1, 2]);
    verdict(1, "", { seq: 8 });
    verdict(2, "", { seq: 9 });
    expect([await Promise.all(outcomes), broken]).toEqual([[8, 9], []]);
  });

  test("frees what it took of the window", () => {
    const { outbox, window, join, verdict } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a long one".repeat(50))] });
    verdict(1, "too_large", { expected: 1 });
    verdict(1, "invalid_event");
    expect(window.take(1_000_000)).toBe(true);
  });
});

describe("what a writer sends", () => {
  test("goes out at once where nothing waits, under numbers from 1, with where it was born", () => {
    const { outbox, sent, join } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")], audience: "AUDIENCE_STAFF" });
    const own = { producer: "me-1", born: 7, epoch: "3", attempt: 5 };
    expect(sent).toEqual([
      { ...own, first: 1, last: 1, events: [note("a")] },
      { ...own, first: 2, last: 2, events: [note("b")], audience: "AUDIENCE_STAFF" },
    ]);
  });

  test("waits for the session to be joined, in order", () => {
    const { outbox, join, numbers } = outboxWith();
    outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")] });
    expect(numbers()).toEqual([]);
    join();
    expect(numbers()).toEqual([1, 2]);
  });

  test("appends become one while others are on the way to the log, and only then", () => {
    const { outbox, sent, join } = outboxWith({ limits: { mergeFromCount: 2 } });
    join();
    for (const [at, letter] of "abcdef".split("").entries()) mergeAppend(outbox, at, letter);
    expect(sent.map(({ events }) => events?.[0]?.partAppended?.text)).toEqual(["a", "b"]);
    outbox.stored(1);
    expect(sent.map(({ events }) => events?.[0]?.partAppended?.text)).toEqual(["a", "b", "cdef"]);
    expect(sent.at(-1)).toMatchObject({ first: 3, last: 3, events: [{ partAppended: { at: 2 } }] });
  });

  test("what was sent once is never merged with", () => {
    const { outbox, sent, join } = outboxWith({ limits: { mergeFromCount: 1 } });
    join();
    mergeAppend(outbox, 0, "a");
    outbox.disconnected();
    mergeAppend(outbox, 1, "b");
    join();
    expect(sent.map(({ first, events }) => [first, events?.[0]?.partAppended?.text])).toEqual([
      [1, "a"],
      [1, "a"],
    ]);
    outbox.stored(1);
    expect(sent.at(-1)).toMatchObject({ first: 2, events: [append(1, "b")] });
  });

  test("stays within the window of the stream, except for one record", () => {
    const { outbox, join, numbers, verdict } = outboxWith({ windowBytes: 10 });
    join();
    outbox.write({ attempt: 5, events: [note("first")] });
    outbox.write({ attempt: 5, events: [note("second")] });
    expect(numbers()).toEqual([1]);
    verdict(1);
    expect(numbers()).toEqual([2]);
  });
});

describe("SPEC 4, 5: after a break", () => {
  test("what has no verdict goes out again under the same numbers", () => {
    const { outbox, join, numbers, verdict } = outboxWith();
    join();
    for (const label of ["a", "b", "c"]) outbox.write({ attempt: 5, events: [note(label)] });
    verdict(1);
    outbox.stored(2);
    numbers();
    outbox.disconnected();
    outbox.write({ attempt: 5, events: [note("d")] });
    join();
    expect(numbers()).toEqual([2, 3, 4]);
  });

  test("what the ledger knows is judged by it, refusals with their code", async () => {
    const { outbox, join, numbers } = outboxWith();
    join();
    const written = ["a", "b", "c", "d"].map((label) => outbox.write({ attempt: 5, events: [note(label)] }));
    numbers();
    outbox.disconnected();
    join({ producers: [{ key: "bot/me-1", last: 3, seq: 9, refused: [{ number: 2, last: 3, code: "fenced" }] }] });
    expect(numbers()).toEqual([4]);
    expect(await Promise.all(written.slice(0, 3).map(({ applied }) => codeOf(applied)))).toEqual([
      "applied",
      "fenced",
      "fenced",
    ]);
  });

  test("another participant's writer of the same id says nothing about this one", () => {
    const { outbox, join, numbers } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    numbers();
    outbox.disconnected();
    join({ producers: [{ key: "other/me-1", last: 9 }] });
    expect(numbers()).toEqual([1]);
  });

  test("bytes of an earlier stream are not owed on the next", () => {
    const { outbox, join, window } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    expect(window.usedBytes).toBeGreaterThan(0);
    outbox.disconnected();
    expect(window.usedBytes).toBe(0);
  });
});

describe("a log that lacks records", () => {
  test("gets them again from the one that is missing, once, whatever is said of those behind it", () => {
    const { outbox, join, numbers, verdict } = outboxWith();
    join();
    for (const label of ["a", "b", "c"]) outbox.write({ attempt: 5, events: [note(label)] });
    numbers();
    verdict(1, "unavailable");
    expect(numbers()).toEqual([1, 2, 3]);
    verdict(2, "producer_gap", { expected: 1 });
    verdict(3, "producer_gap", { expected: 1 });
    expect(numbers()).toEqual([]);
    for (const number of [1, 2, 3]) verdict(number);
    expect(outbox.empty).toBe(true);
  });

  test("gets them again after the time it asked for", () => {
    const { outbox, join, numbers, verdict, clock } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    numbers();
    verdict(1, "unavailable", { retryAfterMs: 500 });
    outbox.write({ attempt: 5, events: [note("b")] });
    clock.advance(499);
    expect(numbers()).toEqual([]);
    clock.advance(1);
    expect(numbers()).toEqual([1, 2]);
  });

  test("gets the last record again too, when its second sending fails", () => {
    const { outbox, join, numbers, verdict } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")] });
    verdict(1, "unavailable");
    verdict(2, "unavailable");
    numbers();
    verdict(1);
    verdict(2, "unavailable");
    expect(numbers()).toEqual([2]);
  });

  test.each([
    ["numbers", "producer_gap", { expected: 1 }],
    ["the writer itself", "producer_expired", {}],
  ])("that has forgotten %s ends the writer: every outcome says so", async (_what, answer, more) => {
    const { outbox, join, verdict, broken } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    verdict(1);
    const lost = outbox.write({ attempt: 5, events: [note("b")] });
    verdict(2, answer, more);
    expect(await codeOf(lost.applied)).toBe("producer_expired");
    expect(broken.map(({ code }) => code)).toEqual(["producer_expired"]);
    expect(() => outbox.write({ attempt: 5, events: [note("c")] })).toThrow(PerdureError);
  });
});

describe("verdicts", () => {
  test("settle the outcome with the seq, or with the code and the winner", async () => {
    const { outbox, join, verdict } = outboxWith();
    join();
    const good = outbox.write({ attempt: 5, events: [note("a")] });
    const bad = outbox.write({ attempt: 5, events: [note("b")] });
    verdict(1, "", { seq: 12 });
    verdict(2, "already_decided");
    expect(await good.applied).toBe(12);
    expect(await codeOf(bad.applied)).toBe("already_decided");
  });

  test("SPEC 4: of a record that was accepted are the record itself, and nothing that comes after it", async () => {
    const { outbox, join, verdict, numbers, window } = outboxWith();
    join();
    const twice = outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")] });
    verdict(1, "unavailable");
    expect(numbers()).toEqual([1, 2, 1, 2]);
    // The first sending did arrive; what is said of the second changes nothing.
    outbox.accepted(1, 12);
    verdict(1, "unavailable");
    expect([await twice.applied, numbers()]).toEqual([12, []]);
    outbox.accepted(2, 13);
    verdict(2, "", { seq: 13 });
    expect([outbox.empty, window.usedBytes]).toEqual([true, 0]);
  });

  test("SPEC 4: of a record that an earlier stream carried wait until it was sent on this one", () => {
    const { outbox, join, numbers, window, verdict } = outboxWith({ windowBytes: 10 });
    join();
    for (const label of ["first", "second"]) outbox.write({ attempt: 5, events: [note(label)] });
    outbox.accepted(2, 9);
    outbox.accepted(1, 8);
    expect(numbers()).toEqual([1, 2]);
    verdict(2, "", { seq: 9 });
    expect([outbox.empty, window.usedBytes]).toEqual([true, 0]);
  });

  test("of a word that this SDK does not know are told as internal", async () => {
    const { outbox, join, verdict } = outboxWith();
    join();
    const written = outbox.write({ attempt: 5, events: [note("a")] });
    verdict(1, "from_the_future");
    expect(await codeOf(written.applied)).toBe("internal");
  });

  test("on what was never sent, or was judged long ago, change nothing", () => {
    const { outbox, join, verdict, window } = outboxWith();
    join();
    outbox.write({ attempt: 5, events: [note("a")] });
    const used = window.usedBytes;
    verdict(9);
    verdict(0);
    expect([outbox.empty, window.usedBytes]).toEqual([false, used]);
    verdict(1);
    verdict(1);
    expect([outbox.empty, window.usedBytes]).toEqual([true, 0]);
  });
});

describe("SPEC 11: a writer is bounded", () => {
  test("room waits while too much is waiting to be sent, and comes back with it", async () => {
    const { outbox, join } = outboxWith({ limits: { waitingCount: 2 } });
    outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")] });
    let let_in = false;
    const waiting = outbox.room().then(() => (let_in = true));
    await Promise.resolve();
    expect(let_in).toBe(false);
    join();
    await waiting;
    expect(let_in).toBe(true);
  });

  test("past its limit a record is refused, not kept", () => {
    const { outbox } = outboxWith({ limits: { unjudgedCount: 2 } });
    outbox.write({ attempt: 5, events: [note("a")] });
    outbox.write({ attempt: 5, events: [note("b")] });
    expect(() => outbox.write({ attempt: 5, events: [note("c")] })).toThrow(/wait for room/);
  });
});
