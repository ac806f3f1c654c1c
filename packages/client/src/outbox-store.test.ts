import { beforeEach, describe, expect, test } from "vitest";
import { type KeyValueStore, type LockManager, memoryStore } from "./environment.ts";
import { OutboxStore, type StoredLane } from "./outbox-store.ts";

const ann = { tenant: "acme", participant: "ann" };
const lane = (session: string, producer = "a"): StoredLane => ({
  session,
  producer,
  entries: [{ number: 1, born: 0, events: [{ sessionUpdated: { title: "x" } }] }],
});

/** Web Locks as far as they are used: one holder a name, until its promise settles. */
class Locks implements LockManager {
  readonly held = new Set<string>();

  async request(
    name: string,
    { ifAvailable }: { ifAvailable: boolean },
    call: (lock: unknown) => Promise<void>,
  ): Promise<void> {
    if (this.held.has(name)) {
      if (ifAvailable) await call(null);
      return;
    }
    this.held.add(name);
    await call({ name });
    this.held.delete(name);
  }
}

let store: KeyValueStore;
let locks: Locks;

beforeEach(() => {
  store = memoryStore();
  locks = new Locks();
});

const page = (name: string): OutboxStore => new OutboxStore({ store, prefix: "perdure:", page: name, locks });

async function adoptedBy(outbox: OutboxStore, identity = ann): Promise<string[]> {
  const adopted: string[] = [];
  await outbox.identify(identity, (from, lanes) => adopted.push(...lanes.map(({ session }) => `${from}/${session}`)));
  return adopted;
}

async function leftBehind(name: string, sessions: readonly string[], identity = ann): Promise<void> {
  const outbox = page(name);
  await adoptedBy(outbox, identity);
  for (const session of sessions) outbox.save(name, lane(session));
  outbox.close();
}

describe("what a page left behind", () => {
  test("is taken over by one page, of the same participant", async () => {
    await leftBehind("gone", ["s1", "s2"]);
    const [first, second] = [page("first"), page("second")];
    expect(await adoptedBy(first)).toEqual(["gone/s1", "gone/s2"]);
    expect(await adoptedBy(second)).toEqual([]);
  });

  test("is not touched while that page lives", async () => {
    const living = page("living");
    await adoptedBy(living);
    living.save("living", lane("s1"));
    expect(await adoptedBy(page("other"))).toEqual([]);
  });

  test("is nobody else's", async () => {
    await leftBehind("gone", ["s1"]);
    expect(await adoptedBy(page("bob"), { tenant: "acme", participant: "bob" })).toEqual([]);
    expect(await adoptedBy(page("other tenant"), { tenant: "other", participant: "ann" })).toEqual([]);
    expect(await adoptedBy(page("ann again"))).toEqual(["gone/s1"]);
  });

  test("is gone once all of it has its verdict", async () => {
    await leftBehind("gone", ["s1"]);
    const next = page("next");
    await adoptedBy(next);
    next.save("gone", { ...lane("s1"), entries: [] });
    expect(store.length).toBe(0);
  });

  test("stays for a third page when the second one dies too", async () => {
    await leftBehind("gone", ["s1"]);
    const second = page("second");
    await adoptedBy(second);
    second.close();
    // A lock is given back in its own time.
    await Promise.resolve();
    await Promise.resolve();
    expect(await adoptedBy(page("third"))).toEqual(["gone/s1"]);
  });

  test("and is damaged is left alone", async () => {
    for (const [index, text] of [
      "",
      "{",
      "null",
      "[]",
      '{"tenant":"acme","participant":"ann","lanes":[1]}',
    ].entries()) {
      store.setItem(`perdure:outbox:bad${index}`, text);
    }
    expect(await adoptedBy(page("next"))).toEqual([]);
  });
});

test("a full storage loses nothing of a page that lives, and leaves no old copy that would be sent again", () => {
  let full = false;
  const memory = memoryStore();
  store = {
    ...memory,
    setItem: (key, value) => {
      if (full) throw new Error("QuotaExceededError");
      memory.setItem(key, value);
    },
  };
  const outbox = page("full");
  outbox.save("full", lane("s1"));
  full = true;
  outbox.save("full", lane("s2"));
  expect(memory.length).toBe(0);
});
