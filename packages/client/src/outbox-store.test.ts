import { beforeEach, describe, expect, test, vi } from "vitest";
import { type KeyValueStore, memoryStore } from "./environment.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import { OutboxStore } from "./outbox-store.ts";
import { FakeLocks } from "./testing/fake-locks.ts";
import { deniedStore } from "./testing/denied-store.ts";

const ann = { tenant: "acme", participant: "ann" };
const SESSIONS = ["s1", "s2"];
const entry = (number: number): OutboxEntry => ({ number, born: 0, events: [{ sessionUpdated: { title: "x" } }] });

let store: KeyValueStore;
let locks: FakeLocks;

beforeEach(() => {
  store = memoryStore();
  locks = new FakeLocks();
});

const full: string[] = [];
const page = (name: string): OutboxStore =>
  new OutboxStore({ store, prefix: "perdure:", page: name, locks, onFull: (session) => full.push(session) });

/** What the page sends from now on beside its own: `page/session/numbers`. */
async function takenBy(outbox: OutboxStore, identity = ann): Promise<string[]> {
  await outbox.identify(identity);
  return SESSIONS.flatMap((session) => outbox.left(session)).map(
    ({ page: from, session, entries }) => `${from}/${session}/${entries.map(({ number }) => number).join("")}`,
  );
}

async function leftBehind(name: string, sessions: readonly string[], identity = ann): Promise<void> {
  const outbox = page(name);
  await outbox.identify(identity);
  // Stores have their keys in no order that means anything.
  for (const session of sessions)
    for (const number of [2, 1]) expect(outbox.keep({ page: name, session, producer: name }, entry(number))).toBe(true);
  outbox.close();
  await settled();
}

/** A lock is given back in its own time. */
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

describe("what a page left behind", () => {
  test("is taken over by one page, of the same participant, in order", async () => {
    await leftBehind("gone", SESSIONS);
    const [first, second] = [page("first"), page("second")];
    expect(await takenBy(first)).toEqual(["gone/s1/12", "gone/s2/12"]);
    expect(await takenBy(second)).toEqual([]);
  });

  test("is read for the session that asks, and no other", async () => {
    await leftBehind("gone", SESSIONS);
    const next = page("next");
    await next.identify(ann);
    const read = vi.spyOn(store, "getItem");
    expect(next.left("s1")).toHaveLength(1);
    expect(new Set(read.mock.calls.map(([key]) => key))).toEqual(
      new Set(["perdure:outbox:gone:s1:gone:1", "perdure:outbox:gone:s1:gone:2"]),
    );
  });

  test("is not touched while that page lives", async () => {
    const living = page("living");
    await living.identify(ann);
    living.keep({ page: "living", session: "s1", producer: "living" }, entry(1));
    expect(await takenBy(page("other"))).toEqual([]);
    expect(await takenBy(living)).toEqual(["living/s1/1"]);
  });

  test("is nobody else's, and nobody's before it is known who is here", async () => {
    await leftBehind("gone", ["s1"]);
    expect(await takenBy(page("bob"), { tenant: "acme", participant: "bob" })).toEqual([]);
    expect(await takenBy(page("other tenant"), { tenant: "other", participant: "ann" })).toEqual([]);
    const sameName = page("gone");
    expect(sameName.left("s1")).toEqual([]);
    sameName.close();
    await settled();
    expect(await takenBy(page("ann again"))).toEqual(["gone/s1/12"]);
  });

  test("is gone once it has its verdict, one record after the other", async () => {
    await leftBehind("gone", ["s1"]);
    const next = page("next");
    await next.identify(ann);
    for (const number of [1, 2]) next.drop({ page: "gone", session: "s1", producer: "gone" }, number);
    expect(store.length).toBe(0);
  });

  test("stays for a third page when the second one dies too", async () => {
    await leftBehind("gone", ["s1"]);
    const second = page("second");
    await second.identify(ann);
    second.close();
    await settled();
    expect(await takenBy(page("third"))).toEqual(["gone/s1/12"]);
  });

  test("is not held by a page that is closed before it got there", async () => {
    await leftBehind("gone", ["s1"]);
    const early = page("early");
    const identified = early.identify(ann);
    early.close();
    await identified;
    await settled();
    expect(await takenBy(page("next"))).toEqual(["gone/s1/12"]);
    expect([...locks.held]).not.toContain("perdure:outbox:early");
  });

  test.each([
    ["no JSON", "{"],
    ["nothing", "null"],
    ["nobody's", JSON.stringify({ entry: entry(1) })],
    ["without a record", JSON.stringify(ann)],
    ["under another number", JSON.stringify({ ...ann, entry: entry(7) })],
    ["without events", JSON.stringify({ ...ann, entry: { ...entry(1), events: [] } })],
    ["of no number", JSON.stringify({ ...ann, entry: { ...entry(1), born: -1 } })],
    ["of no life", JSON.stringify({ ...ann, entry: { ...entry(1), epoch: 7 } })],
    ["of no audience", JSON.stringify({ ...ann, entry: { ...entry(1), audience: 7 } })],
  ])("and is %s is left alone, as an edge would end the connection for it", async (_what, text) => {
    store.setItem("perdure:outbox:gone:s1:gone:1", text);
    store.setItem("perdure:outbox:older", JSON.stringify({ ...ann, lanes: [] }));
    expect(await takenBy(page("next"))).toEqual([]);
    expect(store.length).toBe(2);
  });
});

test("SPEC 11: each change writes one record, however many wait", async () => {
  let writtenCharacters = 0;
  const memory = memoryStore();
  store = {
    ...memory,
    setItem: (key, value) => {
      writtenCharacters += value.length;
      memory.setItem(key, value);
    },
  };
  const outbox = page("busy");
  await outbox.identify(ann);
  const name = { page: "busy", session: "s1", producer: "busy" };
  for (let number = 1; number <= 1_000; number += 1) outbox.keep(name, entry(number));
  for (let number = 1; number <= 1_000; number += 1) outbox.drop(name, number);
  expect(writtenCharacters).toBeLessThan(1_000 * 200);
});

test("a storage that throws at everything is as good as none", async () => {
  store = deniedStore;
  const outbox = page("denied");
  const name = { page: "denied", session: "s1", producer: "denied" };
  expect([await takenBy(outbox), outbox.keep(name, entry(1))]).toEqual([[], false]);
  outbox.drop(name, 1);
});
