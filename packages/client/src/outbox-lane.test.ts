import { PerdureError } from "@perdure/core";
import type { AckFrame } from "@perdure/protocol/frames";
import { beforeEach, describe, expect, test } from "vitest";
import { isStandIn, type OutboxEntry } from "./outbox-entry.ts";
import { type IdOf, OutboxLane } from "./outbox-lane.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let clock: ManualClock;
/** Numbers of the page's producer, and what went anew as `producer:number`. */
let sent: (number | string)[];
let written: OutboxEntry["events"][];
let attached: boolean;
/** Numbers of records that no edge would take. */
let tooLong: number[];
let saved: number[];
let savedEvents: Map<number, OutboxEntry["events"]>;
/** The record that the storage has no room for. */
let noRoomFor: number;
let lane: OutboxLane;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  written = [];
  saved = [];
  savedEvents = new Map();
  attached = true;
  noRoomFor = 0;
  tooLong = [];
  lane = new OutboxLane({
    name: { page: "page", session: "trip", producer: "page" },
    store: {
      keep: (_name, { number, events }) => {
        if (number === noRoomFor) return false;
        savedEvents.set(number, events);
        if (!saved.includes(number)) saved.push(number);
        return true;
      },
      drop: (_name, number) => {
        saved = saved.filter((other) => other !== number);
      },
    },
    clock,
    transmit: (producer, { number, events }) => {
      if (!attached) return "away";
      if (tooLong.includes(number) && !isStandIn({ number, born: 0, events })) return new PerdureError("too_large", "");
      sent.push(producer === "page" ? number : `${producer}:${number}`);
      written.push(events);
      return "sent";
    },
    onChange: () => undefined,
    lanes: () => [lane],
  });
});

const entry = (number: number): OutboxEntry => ({
  number,
  born: 0,
  events: [{ sessionUpdated: { title: `${number}` } }],
});
/** A message that follows the one before. */
const follows = (number: number): Pick<OutboxEntry, "events"> => ({
  events: [{ messageOpened: { parentId: number === 1 ? "there" : `page:${number - 1}:0` } }],
});
const ack = (n: number, more: Partial<AckFrame> = {}): AckFrame => ({
  t: "ack",
  h: 1,
  p: "page",
  n,
  s: 10 + n,
  ...more,
});

/** The answer to the record of that number that went anew once. */
const answerAnew = (number: number, more: Partial<AckFrame> = {}): void =>
  lane.onAck({ ...ack(1, more), p: `page_${number}` }, number, 1);

/** What became of it: as what it was accepted, named as in `sent`, or a code. */
const outcomeOf = (applied: Promise<IdOf>): Promise<number | string> =>
  applied.then(
    (idOf) => {
      const [producer = "", number = ""] = idOf(0).split(":");
      return producer === "page" ? Number(number) : `${producer}:${number}`;
    },
    (error: unknown) => (error instanceof PerdureError ? error.code : "untyped"),
  );

describe("a record", () => {
  test("is sent at once, stored until its verdict, and resolves to its seq", async () => {
    const applied = lane.add(entry(1));
    expect({ sent, saved }).toEqual({ sent: [1], saved: [1] });
    lane.onAck(ack(1));
    expect(await outcomeOf(applied)).toBe(1);
    expect(saved).toEqual([]);
  });

  test("that is refused rejects with the code, and with the winner where there is one", async () => {
    const applied = lane.add(entry(1));
    lane.onAck(ack(1, { code: "already_decided", winner: "bob" }));
    await expect(applied).rejects.toMatchObject({ code: "already_decided", winner: "bob" });
  });

  test("that was judged is not sent again, also where another one might succeed later", async () => {
    const applied = lane.add(entry(1));
    lane.onAck(ack(1, { code: "too_many_runs" }));
    await expect(applied).rejects.toMatchObject({ code: "too_many_runs" });
    clock.advance(10_000);
    expect(sent).toEqual([1]);
  });

  test("that came after the session was let go waits for the next attach", () => {
    void lane.add(entry(1));
    lane.onAck(ack(1, { code: "not_attached" }));
    lane.attached();
    expect(sent).toEqual([1, 1]);
  });

  test("that finds nobody waits, and goes out in order when the session is attached", () => {
    attached = false;
    void lane.add(entry(1));
    void lane.add(entry(2));
    attached = true;
    lane.attached();
    expect(sent).toEqual([1, 2]);
  });

  test("without a verdict is sent again after a reconnect; one that has its verdict is not", async () => {
    const first = lane.add(entry(1));
    void lane.add(entry(2));
    lane.onAck(ack(1));
    await first;
    lane.detached();
    lane.attached();
    expect(sent).toEqual([1, 2, 2]);
  });

  test("acknowledged twice counts once, and one that nobody sent not at all", async () => {
    const applied = lane.add(entry(1));
    lane.onAck(ack(1));
    lane.onAck(ack(1, { code: "forbidden" }));
    lane.onAck(ack(7));
    expect(await outcomeOf(applied)).toBe(1);
  });
});

describe("order", () => {
  test("a gap is mended from the number that is missing, once however many tell of it", () => {
    for (const number of [1, 2, 3, 4]) void lane.add(entry(number));
    sent = [];
    for (const number of [2, 3, 4]) lane.onAck(ack(number, { code: "producer_gap", expected: 1 }));
    expect(sent).toEqual([1, 2, 3, 4]);
  });

  test("what cannot be taken now goes again after the time that was said, with all that follows it", () => {
    for (const number of [1, 2, 3]) void lane.add(entry(number));
    sent = [];
    lane.onAck(ack(1, { code: "unavailable", retryAfterMs: 300 }));
    lane.onAck(ack(2, { code: "producer_gap", expected: 1 }));
    lane.onAck(ack(3, { code: "producer_gap", expected: 1 }));
    void lane.add(entry(4));
    clock.advance(299);
    expect(sent).toEqual([]);
    clock.advance(1);
    expect(sent).toEqual([1, 2, 3, 4]);
  });

  test("what went wrong in the server with no verdict known goes again, whatever its code, and fails nothing behind it", async () => {
    const [first, second] = [1, 2].map((number) => outcomeOf(lane.add(entry(number))));
    sent = [];
    lane.onAck(ack(1, { code: "internal", retryAfterMs: 500 }));
    lane.onAck(ack(2, { code: "producer_gap", expected: 1 }));
    clock.advance(500);
    expect(sent).toEqual([1, 2]);
    lane.onAck(ack(1, { s: 8 }));
    lane.onAck(ack(2, { s: 9 }));
    await expect(Promise.all([first, second])).resolves.toEqual([1, 2]);
  });

  test("SPEC 4, 5: one that never got to the session is refused alone: what follows it goes on, in order", async () => {
    const [first, second, third] = [1, 2, 3].map((number) => outcomeOf(lane.add(entry(number))));
    written.length = sent.length = 0;
    lane.onAck(ack(1, { code: "too_large", expected: 1 }));
    expect(await first).toBe("too_large");
    for (const number of [2, 3]) lane.onAck(ack(number, { code: "producer_gap", expected: 1 }));
    expect(sent).toEqual([1, 1, 2, 3]);
    for (const index of [0, 1]) expect(written[index]).toEqual([{ messageClosed: {} }]);
    lane.onAck(ack(1, { code: "invalid_event" }));
    for (const number of [2, 3]) lane.onAck(ack(number));
    expect([await second, await third, saved]).toEqual([2, 3, []]);
  });

  test("where the session does not take what stands in for it either, those who wait are told", async () => {
    const outcomes = [1, 2].map((number) => outcomeOf(lane.add(entry(number))));
    for (let times = 0; times < 2; times += 1) lane.onAck(ack(1, { code: "too_large", expected: 1 }));
    lane.onAck(ack(2, { code: "producer_gap", expected: 1 }));
    expect(await Promise.all(outcomes)).toEqual(["too_large", "producer_gap"]);
  });

  test("SPEC 11: however many never got to the session, each is sent once more, and what follows them twice", async () => {
    const outcomes = Array.from({ length: 200 }, (_, index) => outcomeOf(lane.add(entry(index + 1))));
    sent = [];
    for (let number = 1; number < 200; number += 1)
      lane.onAck(ack(number, { code: "invalid_event", expected: number }));
    lane.onAck(ack(200, { code: "producer_gap", expected: 1 }));
    for (let number = 1; number < 200; number += 1) lane.onAck(ack(number, { code: "invalid_event" }));
    lane.onAck(ack(200));
    expect([(await Promise.all(outcomes)).filter((outcome) => outcome === "invalid_event").length, saved]).toEqual([
      199,
      [],
    ]);
    expect(sent.length).toBeLessThanOrEqual(2 * 200);
  });

  test("SPEC 5: one that never got to the session lets nothing overtake what was sent before it", async () => {
    const first = outcomeOf(lane.add(entry(1)));
    const second = outcomeOf(lane.add(entry(2)));
    lane.onAck(ack(1, { code: "unavailable", retryAfterMs: 500 }));
    sent = [];
    lane.onAck(ack(2, { code: "too_large", expected: 2 }));
    expect(await second).toBe("too_large");
    const third = outcomeOf(lane.add(entry(3)));
    expect(sent).toEqual([]);
    clock.advance(500);
    expect(sent).toEqual([1, 2, 3]);
    lane.onAck(ack(1));
    lane.onAck(ack(2, { code: "invalid_event" }));
    lane.onAck(ack(3));
    expect(await Promise.all([first, third])).toEqual([1, 3]);
  });

  test("what would end the connection is never sent: it is refused here, and what follows goes on", async () => {
    attached = false;
    tooLong = [1, 3];
    const outcomes = [1, 2, 3, 4].map((number) => outcomeOf(lane.add(entry(number))));
    attached = true;
    lane.attached();
    expect(sent).toEqual([1, 2, 3, 4]);
    expect([written[0], written[2]]).toEqual([[{ messageClosed: {} }], [{ messageClosed: {} }]]);
    for (const number of [1, 3]) lane.onAck(ack(number, { code: "invalid_event" }));
    for (const number of [2, 4]) lane.onAck(ack(number));
    expect([await Promise.all(outcomes), saved]).toEqual([["too_large", 2, "too_large", 4], []]);
  });

  test("what follows a message that will never be there follows what that one would have", () => {
    const message = (number: number, parentId: string): OutboxEntry => ({
      ...entry(number),
      events: [{ messageOpened: { parentId } }],
    });
    attached = false;
    tooLong = [1, 2];
    lane.add(message(1, "there")).catch(() => undefined);
    lane.add(message(2, "page:1:0")).catch(() => undefined);
    void lane.add(message(3, "page:2:0"));
    void lane.add(message(4, "elsewhere"));
    attached = true;
    lane.attached();
    expect(written.slice(2)).toEqual([
      [{ messageOpened: { parentId: "there" } }],
      [{ messageOpened: { parentId: "elsewhere" } }],
    ]);
  });

  test("a gap that this device cannot fill is told to those who wait, also where it was not seen as one at first", async () => {
    const [first, third] = [1, 3].map((number) => outcomeOf(lane.add(entry(number))));
    const gap = ack(3, { code: "producer_gap", expected: 2 });
    lane.onAck(gap);
    lane.onAck(ack(1));
    lane.onAck(gap);
    expect([await first, await third]).toEqual([1, "producer_gap"]);
  });

  test("a gap that this device cannot fill is told to all who wait", async () => {
    const outcomes = [3, 4].map((number) => outcomeOf(lane.add(entry(number))));
    lane.onAck(ack(3, { code: "producer_gap", expected: 1 }));
    expect(await Promise.all(outcomes)).toEqual(["producer_gap", "producer_gap"]);
  });
});

describe("SPEC 11: storage without room", () => {
  test("keeps the records before, without a gap, and takes in the others when there is some", () => {
    noRoomFor = 3;
    for (const number of [1, 2, 3, 4]) void lane.add(entry(number));
    expect(saved).toEqual([1, 2]);
    noRoomFor = 0;
    lane.onAck(ack(1));
    expect(saved).toEqual([2, 3, 4]);
  });

  test("keeps what a record was until there is room for what it has become, which counts as unsaved", () => {
    for (const number of [1, 2]) lane.add({ ...entry(number), ...follows(number) }).catch(() => undefined);
    noRoomFor = 2;
    lane.onAck(ack(1, { code: "session_full" }));
    expect([saved, lane.unsavedCount]).toEqual([[2], 1]);
    noRoomFor = 0;
    lane.keep();
    expect([savedEvents.get(2), lane.unsavedCount]).toEqual([[{ messageOpened: { parentId: "there" } }], 0]);
  });
});

describe("SPEC 10: a message sent right behind one that the session refuses", () => {
  const message = (number: number, parentId: string): OutboxEntry => ({
    ...entry(number),
    events: [
      { messageOpened: { parentId } },
      { partOpened: { messageId: `page:${number}:0`, part: { text: `${number}` }, complete: true } },
      { messageClosed: { messageId: `page:${number}:0` } },
    ],
  });
  const parents = (): unknown[] => written.map((events) => events[0]?.messageOpened?.parentId);

  test("follows what that one would have, under another name, as do those behind it", async () => {
    const outcomes = [message(1, "there"), message(2, "page:1:0"), message(3, "page:2:0")].map((each) =>
      outcomeOf(lane.add(each)),
    );
    written = [];
    lane.onAck(ack(1, { code: "too_large" }));
    for (const number of [2, 3]) lane.onAck(ack(number, { code: "not_found" }));
    expect([sent, parents()]).toEqual([
      [1, 2, 3, "page_2:1", "page_3:1"],
      ["there", "page_2:1:0"],
    ]);
    expect(written[0]?.[1]).toMatchObject({ partOpened: { messageId: "page_2:1:0", part: { text: "2" } } });
    for (const number of [2, 3]) answerAnew(number);
    expect([await Promise.all(outcomes), saved]).toEqual([["too_large", "page_2:1", "page_3:1"], []]);
  });

  test("is refused once more for good", async () => {
    lane.add(message(1, "there")).catch(() => undefined);
    const second = outcomeOf(lane.add(message(2, "page:1:0")));
    lane.onAck(ack(1, { code: "session_full" }));
    lane.onAck(ack(2, { code: "not_found" }));
    answerAnew(2, { code: "not_found" });
    expect([await second, sent, saved]).toEqual(["not_found", [1, 2, "page_2:1"], []]);
  });

  test("is judged as it is where what it follows is another one", async () => {
    lane.add(message(1, "there")).catch(() => undefined);
    const second = outcomeOf(lane.add(message(2, "elsewhere")));
    lane.onAck(ack(1, { code: "session_full" }));
    lane.onAck(ack(2, { code: "not_found" }));
    expect([await second, sent]).toEqual(["not_found", [1, 2]]);
  });

  test("goes on after a reconnect, whichever of its names has had its verdict", async () => {
    lane.add(message(1, "there")).catch(() => undefined);
    const second = outcomeOf(lane.add(message(2, "page:1:0")));
    lane.onAck(ack(1, { code: "session_full" }));
    lane.detached();
    written = [];
    lane.attached();
    expect(parents()).toEqual(["there"]);
    lane.onAck(ack(2, { code: "not_found" }));
    lane.detached();
    lane.attached();
    lane.onAck(ack(2, { code: "not_found" }));
    answerAnew(2);
    expect([await second, sent]).toEqual(["page_2:1", [1, 2, 2, "page_2:1", "page_2:1"]]);
  });
});

test("SPEC 5, 12: a second answer to what was given up says nothing about what took its number", async () => {
  const first = outcomeOf(lane.add(entry(1)));
  const second = outcomeOf(lane.add(entry(2)));
  // Attached again on the same connection: all goes out a second time, and each sending has its answer.
  lane.attached();
  const unused = ack(1, { code: "too_large", expected: 1 });
  const gap = ack(2, { code: "producer_gap", expected: 1 });
  for (const answer of [unused, gap, unused, gap]) lane.onAck(answer);
  for (let times = 0; times < 3; times += 1) lane.onAck(ack(1, { code: "invalid_event" }));
  lane.onAck(ack(2));
  expect([await first, await second, saved]).toEqual(["too_large", 2, []]);
});

test("SPEC 5, 12: what was sent twice and never got to the session is stood in for also where that goes out later", async () => {
  const [first, second, third] = [1, 2, 3].map((number) => outcomeOf(lane.add(entry(number))));
  lane.attached();
  const unused = ack(2, { code: "too_large", expected: 2 });
  lane.onAck(ack(1, { code: "unavailable", retryAfterMs: 500 }));
  lane.onAck(unused);
  lane.onAck(ack(1));
  lane.onAck(unused);
  lane.onAck(ack(3, { code: "producer_gap", expected: 2 }));
  sent = [];
  clock.advance(500);
  expect(sent).toEqual([2, 3]);
  lane.onAck(ack(2, { code: "invalid_event" }));
  lane.onAck(ack(3));
  expect(await Promise.all([first, second, third])).toEqual([1, "too_large", 3]);
});

test("what is abandoned is told to those who wait, and stays stored for another page", async () => {
  const outcome = outcomeOf(lane.add(entry(1)));
  lane.abandon(new PerdureError("closed", "closed"));
  expect(await outcome).toBe("closed");
  expect(saved).toEqual([1]);
});
