import { beforeEach, describe, expect, test } from "vitest";
import { isEntry } from "./outbox-entry.ts";
import { Outbox } from "./outbox.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let sent: string[];
/** As JSON, by producer and number. */
let stored: Map<string, string>;

beforeEach(() => {
  sent = [];
  stored = new Map();
});

const pageCalled = (page: string, unjudgedCount = 1_024): Outbox =>
  new Outbox({
    page,
    session: "trip",
    producer: page,
    unjudgedCount,
    clock: new ManualClock(),
    transmit: (producer, { number }) => {
      sent.push(`${producer}:${number}`);
      return "sent";
    },
    store: {
      keep: ({ producer }, entry) => stored.set(`${producer}:${entry.number}`, JSON.stringify(entry)).size > 0,
      drop: ({ producer }, number) => void stored.delete(`${producer}:${number}`),
    },
    onChange: () => undefined,
  });

const draft = () => ({ events: [{ sessionUpdated: { title: "Trip" } }] });

describe("a refusal that leaves the number unused", () => {
  test("is told, and the number is taken by what the session refuses: the next record goes on behind it", async () => {
    const outbox = pageCalled("page");
    const refused = outbox.add(draft, 0);
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 4, code: "invalid_event", expected: 1 });
    await expect(refused).rejects.toMatchObject({ code: "invalid_event" });
    const next = outbox.add(draft, 4);
    expect(sent).toEqual(["page:1", "page:1", "page:2"]);
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 4, code: "invalid_event" });
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 2, s: 5 });
    expect((await next)(0)).toBe("page:2:0");
  });

  test("is told once: what took the number and outlived the page is nobody's loss, what follows it is", async () => {
    const gone = pageCalled("gone");
    const refused = gone.add(draft, 0);
    gone.add(draft, 0).catch(() => undefined);
    gone.onAck({ t: "ack", h: 1, p: "gone", n: 1, s: 4, code: "too_large", expected: 1 });
    await expect(refused).rejects.toMatchObject({ code: "too_large" });
    const page = pageCalled("page");
    const losses: number[] = [];
    const entries = [...stored.values()].map((text): unknown => JSON.parse(text)).filter(isEntry);
    const left = { page: "gone", session: "trip", producer: "gone", entries };
    page.adopt(left, ({ number }) => losses.push(number));
    page.onAck({ t: "ack", h: 1, p: "gone", n: 1, s: 4, code: "invalid_event" });
    page.onAck({ t: "ack", h: 1, p: "gone", n: 2, s: 4, code: "session_closed" });
    await Promise.resolve();
    expect([losses, stored.size]).toEqual([[2], 0]);
  });
});

test.each(["producer_expired", "session_replaced"])(
  "a producer that is of no more use (%s) is given up: what comes next goes under another",
  async (code) => {
    const outbox = pageCalled("page");
    const refused = outbox.add(draft, 9);
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 2, code });
    await expect(refused).rejects.toMatchObject({ code });
    const next = outbox.add(draft, 2);
    outbox.onAck({ t: "ack", h: 1, p: "page-2", n: 1, s: 3 });
    expect([(await next)(0), sent]).toEqual(["page-2:1:0", ["page:1", "page-2:1"]]);
  },
);

test("SPEC 11: past what may wait a record is refused with what to do, and the others go on under their numbers", async () => {
  const outbox = pageCalled("page", 2);
  const first = outbox.add(draft, 0);
  void outbox.add(draft, 0);
  await expect(outbox.add(draft, 0)).rejects.toMatchObject({ code: "overloaded", message: /2 records wait/ });
  outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 1 });
  await first;
  void outbox.add(draft, 0);
  expect([sent, [...stored.keys()]]).toEqual([
    ["page:1", "page:2", "page:3"],
    ["page:2", "page:3"],
  ]);
});

test("what is sent by somebody already is not taken over once more", () => {
  const page = pageCalled("page");
  const left = { page: "gone", session: "trip", producer: "gone", entries: [{ number: 4, born: 0, ...draft() }] };
  for (let times = 0; times < 2; times += 1) page.adopt(left, () => undefined);
  expect([sent, page.size]).toEqual([["gone:4"], 1]);
});

test("SPEC 5: what an earlier page wrote is shown and sent before what is written here, which may follow it", () => {
  const page = pageCalled("page");
  void page.add(draft, 0);
  page.adopt(
    { page: "gone", session: "trip", producer: "gone", entries: [{ number: 1, born: 0, ...draft() }] },
    () => undefined,
  );
  page.detached();
  sent = [];
  page.attached();
  expect(sent).toEqual(["gone:1", "page:1"]);
  expect(page.pending.map(({ producer }) => producer)).toEqual(["gone", "page"]);
});

test("SPEC 10: what followed a message that was refused goes on also where its page ended before its own answer", async () => {
  const gone = pageCalled("gone");
  const message = (parentId: string) => () => ({ events: [{ messageOpened: { parentId } }] });
  for (const parentId of ["there", "gone:1:0"]) gone.add(message(parentId), 0).catch(() => undefined);
  gone.onAck({ t: "ack", h: 1, p: "gone", n: 1, s: 4, code: "session_full" });
  const page = pageCalled("page");
  const losses: number[] = [];
  const entries = [...stored.values()].map((text): unknown => JSON.parse(text)).filter(isEntry);
  page.adopt({ page: "gone", session: "trip", producer: "gone", entries }, ({ number }) => losses.push(number));
  page.onAck({ t: "ack", h: 1, p: "gone", n: 2, s: 4, code: "not_found" });
  page.onAck({ t: "ack", h: 1, p: "gone_2", n: 1, s: 5 });
  await Promise.resolve();
  expect([sent, losses, stored.size]).toEqual([["gone:1", "gone:2", "gone:2", "gone_2:1"], [], 0]);
});
