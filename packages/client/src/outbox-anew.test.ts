import { PerdureError } from "@perdure/core";
import type { AckFrame } from "@perdure/protocol/frames";
import { beforeEach, expect, test } from "vitest";
import { type Draft, Outbox } from "./outbox.ts";
import { isEntry, type OutboxEntry } from "./outbox-entry.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const clock = new ManualClock();
let sent: string[];
/** By producer and number, as JSON. */
let stored: Map<string, string>;
/** Records that are more than the connection takes. */
let tooLarge: Set<string>;

beforeEach(() => {
  sent = [];
  stored = new Map();
  tooLarge = new Set();
});

const pageCalled = (page: string): Outbox =>
  new Outbox({
    page,
    session: "trip",
    producer: page,
    unjudgedCount: 1_024,
    clock,
    transmit: (producer, { number }) => {
      const record = `${producer}:${number}`;
      if (tooLarge.delete(record)) return new PerdureError("too_large", "send less");
      sent.push(record);
      return "sent";
    },
    store: {
      keep: ({ producer }, entry) => stored.set(`${producer}:${entry.number}`, JSON.stringify(entry)).size > 0,
      drop: ({ producer }, number) => void stored.delete(`${producer}:${number}`),
    },
    onChange: () => undefined,
  });

const message = (parentId: string): Draft => ({ events: [{ messageOpened: { parentId } }] });

/** What becomes of it: the id of the message, or a code. */
const add = (page: Outbox, parentId: string): Promise<string> =>
  page
    .add(() => message(parentId), 0)
    .then(
      (idOf) => idOf(0),
      (error: unknown) => (error instanceof PerdureError ? error.code : "untyped"),
    );

/** The page goes on with what is stored of another's. Answers the numbers that are refused. */
function takeOver(page: Outbox, producer: string): number[] {
  const entries = [...stored]
    .filter(([record]) => record.startsWith(`${producer}:`))
    .map(([, text]): unknown => JSON.parse(text))
    .filter(isEntry);
  const losses: number[] = [];
  page.adopt({ page: producer, session: "trip", producer, entries }, ({ number }) => losses.push(number));
  return losses;
}

/** The session's answer to `producer:number`. */
function answer(page: Outbox, record: string, code?: string, more: Partial<AckFrame> = {}): void {
  const [producer = "", number] = record.split(":");
  page.onAck({ t: "ack", h: 1, p: producer, n: Number(number), s: 4, ...(code !== undefined && { code }), ...more });
}

const unknown = { retryAfterMs: 100 };

function leave(page: Outbox): void {
  page.abandon(new PerdureError("closed", "closed here"));
  sent = [];
}

test("SPEC 4: what is sent anew for a page that is gone goes by the name under which that one has sent it, or would have", async () => {
  const gone = pageCalled("gone");
  for (const parentId of ["there", "gone:1:0", "there"]) void add(gone, parentId);
  answer(gone, "gone:1", "unavailable", unknown);
  answer(gone, "gone:2", "not_found");
  answer(gone, "gone:3");
  leave(gone);
  const page = pageCalled("page");
  const losses = takeOver(page, "gone");
  answer(page, "gone:1", "session_full");
  answer(page, "gone:2", "not_found");
  expect(sent).toEqual(["gone:1", "gone:2", "gone_2:1"]);
  expect([...stored.keys()]).toEqual(["gone:2"]);
  const own = add(page, "gone_2:1:0");
  answer(page, "gone_2:1");
  answer(page, "page:1");
  expect([await own, losses, stored.size]).toEqual(["page:1:0", [1], 0]);
});

test("SPEC 10: a record follows one of another page also where it was judged before that one, and both pages are gone", async () => {
  const first = pageCalled("first");
  void add(first, "there");
  leave(first);
  const second = pageCalled("second");
  takeOver(second, "first");
  void add(second, "first:1:0");
  leave(second);
  const page = pageCalled("page");
  const losses = [takeOver(page, "first"), takeOver(page, "second")];
  answer(page, "first:1");
  answer(page, "second:1", "not_found");
  expect(sent).toEqual(["first:1", "second:1", "second_1:1"]);
  answer(page, "second_1:1");
  await Promise.resolve();
  expect([losses, stored.size]).toEqual([[[], []], 0]);
});

test("SPEC 12: what has become too large for the connection when it goes anew is told so, once", async () => {
  const page = pageCalled("page");
  void add(page, "there");
  const second = add(page, "page:1:0");
  answer(page, "page:1", "unavailable", unknown);
  answer(page, "page:2", "not_found");
  clock.advance(100);
  tooLarge = new Set(["page_2:1"]);
  answer(page, "page:1", "session_full");
  expect([await second, sent]).toEqual(["too_large", ["page:1", "page:2", "page:1", "page:2", "page_2:1"]]);
  answer(page, "page_2:1", "invalid_event");
  expect([page.size, stored.size]).toEqual([0, 0]);
});

test("SPEC 12: what went anew and the session has forgotten is refused alone", async () => {
  const page = pageCalled("page");
  const outcomes = ["there", "page:1:0", "there"].map((parentId) => add(page, parentId));
  answer(page, "page:1", "session_full");
  answer(page, "page:2", "not_found");
  answer(page, "page_2:1", "producer_expired");
  answer(page, "page:3");
  expect(await Promise.all(outcomes)).toEqual(["session_full", "producer_expired", "page:3:0"]);
});

test("SPEC 4: what went anew hears nothing more from the name before", async () => {
  const page = pageCalled("page");
  const outcomes = ["there", "page:1:0"].map((parentId) => add(page, parentId));
  page.attached();
  for (let times = 0; times < 2; times += 1) {
    answer(page, "page:1", "session_full");
    answer(page, "page:2", "not_found");
  }
  expect(sent).toEqual(["page:1", "page:2", "page:1", "page:2", "page_2:1"]);
  answer(page, "page_2:1");
  expect(await Promise.all(outcomes)).toEqual(["session_full", "page_2:1:0"]);
});

test("SPEC 12: nothing is sent anew that is given up with what it waited for", async () => {
  const gone: OutboxEntry = { number: 1, born: 0, ...message("there") };
  stored.set("gone:1", JSON.stringify(gone));
  const page = pageCalled("page");
  takeOver(page, "gone");
  const own = add(page, "gone:1:0");
  answer(page, "page:1", "not_found");
  page.fail(new PerdureError("forbidden", "not yours"));
  expect([await own, sent]).toEqual(["forbidden", ["gone:1", "page:1"]]);
});

test("SPEC 1: whatever has no verdict is sent again, also what came to hear so later than what follows it", () => {
  const page = pageCalled("page");
  for (let count = 0; count < 2; count += 1) void add(page, "there");
  answer(page, "page:2", "overloaded", unknown);
  answer(page, "page:1", "unavailable", unknown);
  sent = [];
  clock.advance(100);
  expect(sent).toEqual(["page:1", "page:2"]);
});
