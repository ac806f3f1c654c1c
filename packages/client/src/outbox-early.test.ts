import { PerdureError } from "@perdure/core";
import type { AckFrame } from "@perdure/protocol/frames";
import { beforeEach, describe, expect, test } from "vitest";
import type { Draft } from "./outbox.ts";
import { Outbox } from "./outbox.ts";
import { ManualClock } from "./testing/manual-clock.ts";

let clock: ManualClock;
let sent: string[];
/** What was sent last, as JSON. */
let written: string;
let stored: Set<string>;
let page: Outbox;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  written = "";
  stored = new Set();
  page = new Outbox({
    page: "page",
    session: "trip",
    producer: "page",
    unjudgedCount: 1_024,
    clock,
    transmit: (producer, { number, events }) => {
      sent.push(`${producer}:${number}`);
      written = JSON.stringify(events);
      return "sent";
    },
    store: {
      keep: ({ producer }, { number }) => stored.add(`${producer}:${number}`).size > 0,
      drop: ({ producer }, number) => void stored.delete(`${producer}:${number}`),
    },
    onChange: () => undefined,
  });
});

const message = (parentId: string, editOf = ""): Draft => ({ events: [{ messageOpened: { parentId, editOf } }] });

/** What becomes of it: the id of the message, or a code. */
const add = (parentId: string, editOf?: string): Promise<string> =>
  page
    .add(() => message(parentId, editOf), 0)
    .then(
      (idOf) => idOf(0),
      (error: unknown) => (error instanceof PerdureError ? error.code : "untyped"),
    );

/** A message of an earlier page, which this one sends now. */
function adopt(parentId: string): void {
  const entries = [{ number: 1, born: 0, ...message(parentId) }];
  page.adopt({ page: "gone", session: "trip", producer: "gone", entries }, () => undefined);
}

/** The session's answer to `producer:number`. */
function answer(record: string, code?: string, more: Partial<AckFrame> = {}): void {
  const [producer = "", number] = record.split(":");
  page.onAck({ t: "ack", h: 1, p: producer, n: Number(number), s: 4, ...(code !== undefined && { code }), ...more });
}

/** No verdict is known of it: it will be sent again, with all that follows. */
const unknown = (record: string): void => answer(record, "unavailable", { retryAfterMs: 100 });

describe("a record that is not taken while it is unknown what became of one that it refers to", () => {
  test("SPEC 10: is not refused for good, and follows what that one would have where that is refused", async () => {
    void add("there");
    const second = add("page:1:0");
    unknown("page:1");
    answer("page:2", "not_found");
    expect([...stored]).toEqual(["page:1", "page:2"]);
    clock.advance(100);
    answer("page:1", "session_full");
    answer("page:2", "not_found");
    expect([sent, [...stored]]).toEqual([["page:1", "page:2", "page:1", "page:2", "page_2:1"], ["page:2"]]);
    expect(written).toContain('"parentId":"there"');
    answer("page_2:1");
    expect(await second).toBe("page_2:1:0");
  });

  test("waits over a reconnect, and is sent anew once", async () => {
    void add("there");
    const second = add("page:1:0");
    unknown("page:1");
    answer("page:2", "not_found");
    page.detached();
    page.attached();
    answer("page:1", "session_full");
    answer("page_2:1", "not_found");
    expect([await second, stored.size]).toEqual(["not_found", 0]);
    expect(sent).toEqual(["page:1", "page:2", "page:1", "page:2", "page_2:1"]);
  });

  test("SPEC 11: goes on with a thousand that follow it, each once, as soon as the first has its verdict", async () => {
    const count = 1_000;
    const outcomes = Array.from({ length: count + 1 }, (_, index) => add(index === 0 ? "there" : `page:${index}:0`));
    unknown("page:1");
    const others = sent.slice(1);
    for (const record of others) answer(record, "not_found");
    clock.advance(100);
    sent = [];
    answer("page:1", "session_full");
    expect(sent).toHaveLength(count);
    expect(written).toContain(`"parentId":"page_${count}:1:0"`);
    for (const record of sent) answer(record);
    expect((await Promise.all(outcomes)).at(-1)).toBe(`page_${count + 1}:1:0`);
  });

  test("is refused where it refers to nothing of the kind", async () => {
    void add("there");
    const second = add("elsewhere");
    unknown("page:1");
    answer("page:2", "not_found");
    expect(await second).toBe("not_found");
  });

  test("is refused where those that it refers to are given up", async () => {
    const outcomes = [add("there"), add("page:1:0")];
    unknown("page:1");
    answer("page:2", "not_found");
    page.fail(new PerdureError("session_closed", "only read"));
    expect(await Promise.all(outcomes)).toEqual(["session_closed", "session_closed"]);
  });
});

describe("a record that refers to one of an earlier page", () => {
  test("SPEC 10: follows it once it is there", async () => {
    adopt("there");
    const own = add("gone:1:0");
    unknown("gone:1");
    answer("page:1", "not_found");
    answer("gone:1");
    answer("page_1:1");
    expect([await own, sent]).toEqual(["page_1:1:0", ["gone:1", "page:1", "page_1:1"]]);
    expect(written).toContain('"parentId":"gone:1:0"');
  });

  test.each([
    ["before that one", ["page:1", "gone:1"]],
    ["after it", ["gone:1", "page:1"]],
  ])("SPEC 10: follows what that one would have where both are refused, %s", async (_when, answers) => {
    adopt("there");
    const own = add("gone:1:0");
    for (const record of answers) answer(record, record === "gone:1" ? "session_full" : "not_found");
    answer("page_1:1");
    expect(await own).toBe("page_1:1:0");
    expect(written).toContain('"parentId":"there"');
  });
});

describe("an edit", () => {
  test("SPEC 12: of a message that is refused is told so with a code", async () => {
    void add("there");
    const edit = add("there", "page:1:0");
    answer("page:1", "too_large");
    answer("page:2", "not_found");
    expect([await edit, sent, stored.size]).toEqual(["not_found", ["page:1", "page:2"], 0]);
  });

  test("SPEC 12: also where it was there before that verdict was known", async () => {
    void add("there");
    const edit = add("there", "page:1:0");
    unknown("page:1");
    answer("page:2", "not_found");
    clock.advance(100);
    answer("page:1", "too_large");
    answer("page_2:1", "not_found");
    expect([await edit, stored.size]).toEqual(["not_found", 0]);
  });

  test("SPEC 10: of a message that goes on under another name is one of that", async () => {
    void add("there");
    void add("page:1:0");
    const edit = add("page:1:0", "page:2:0");
    answer("page:1", "session_full");
    answer("page:2", "not_found");
    answer("page:3", "not_found");
    expect(written).toContain('"parentId":"there","editOf":"page_2:1:0"');
    for (const record of ["page_2:1", "page_3:1"]) answer(record);
    expect(await edit).toBe("page_3:1:0");
  });
});
