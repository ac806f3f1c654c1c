import { beforeEach, describe, expect, test } from "vitest";
import type { OutboxEntry } from "./outbox-lane.ts";
import { Outbox } from "./outbox.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let sent: string[];
let stored: ReadonlyMap<string, readonly OutboxEntry[]>;

beforeEach(() => {
  sent = [];
  stored = new Map();
});

const pageCalled = (page: string): Outbox =>
  new Outbox({
    page,
    producer: page,
    clock: new ManualClock(),
    transmit: (producer, { number }) => {
      sent.push(`${producer}:${number}`);
      return "sent";
    },
    save: (_page, producer, entries) => (stored = new Map([...stored, [producer, entries]])),
    onChange: () => undefined,
  });

const draft = () => ({ events: [{ sessionUpdated: { title: "Trip" } }] });

describe("a refusal that leaves the number unused", () => {
  test("is told, and the number is taken by what the session refuses: the next record goes on behind it", async () => {
    const outbox = pageCalled("page");
    const refused = outbox.add(draft, 0).applied;
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 4, code: "invalid_event", expected: 1 });
    await expect(refused).rejects.toMatchObject({ code: "invalid_event" });
    const next = outbox.add(draft, 4).applied;
    expect(sent).toEqual(["page:1", "page:1", "page:2"]);
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 4, code: "invalid_event" });
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 2, s: 5 });
    expect(await next).toBe(5);
  });

  test("is told once: what took the number and outlived the page is nobody's loss, what follows it is", async () => {
    const gone = pageCalled("gone");
    const refused = gone.add(draft, 0).applied;
    gone.add(draft, 0).applied.catch(() => undefined);
    gone.onAck({ t: "ack", h: 1, p: "gone", n: 1, s: 4, code: "too_large", expected: 1 });
    await expect(refused).rejects.toMatchObject({ code: "too_large" });
    const page = pageCalled("page");
    const losses: number[] = [];
    const entries: unknown = JSON.parse(JSON.stringify(stored.get("gone")));
    page.adopt("gone", "gone", isEntries(entries) ? entries : [], ({ number }) => losses.push(number));
    page.onAck({ t: "ack", h: 1, p: "gone", n: 1, s: 4, code: "invalid_event" });
    page.onAck({ t: "ack", h: 1, p: "gone", n: 2, s: 4, code: "session_closed" });
    await Promise.resolve();
    expect([losses, stored.get("gone")]).toEqual([[2], []]);
  });
});

test.each(["producer_expired", "session_replaced"])(
  "a producer that is of no more use (%s) is given up: what comes next goes under another",
  async (code) => {
    const outbox = pageCalled("page");
    const refused = outbox.add(draft, 9).applied;
    outbox.onAck({ t: "ack", h: 1, p: "page", n: 1, s: 2, code });
    await expect(refused).rejects.toMatchObject({ code });
    const next = outbox.add(draft, 2).applied;
    outbox.onAck({ t: "ack", h: 1, p: "page-2", n: 1, s: 3 });
    expect([await next, sent]).toEqual([3, ["page:1", "page-2:1"]]);
  },
);

const isEntries = (value: unknown): value is readonly OutboxEntry[] => Array.isArray(value);
