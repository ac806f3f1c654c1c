import { fold, newSession, type SessionState } from "@perdure/core";
import { decodeRecord, type RecordJson } from "@perdure/protocol";
import { entryKeyText, type HeldSession, TOPICS } from "@perdure/replica";
import { canonicalText, SampleWriter } from "@perdure/replica/testing";
import { describe, expect, it } from "vitest";
import { KeeperTest } from "./testing/keeper-test.ts";

const KEYS = ["acme/one", "acme/two", "acme/three"];
const RUNS = 12;
const STEPS = 60;

/** Mulberry32, so that a failing run can be run again. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** What a session must be: every record folded as it came into the log, heads and trims aside. */
class Reference {
  readonly #states = new Map(KEYS.map((key) => [key, newSession()]));
  readonly #next = new Map<number, number>();

  state(key: string): SessionState {
    return this.#states.get(key) ?? newSession();
  }

  async follow({ test }: KeeperTest): Promise<void> {
    for (let partition = 0; partition < test.partitions; partition += 1) {
      for (const entry of await test.entries(TOPICS.events, partition, this.#next.get(partition) ?? 0)) {
        this.#next.set(partition, entry.offset + 1);
        const state = this.#states.get(entryKeyText(entry));
        if (state !== undefined && entry.value !== null) fold(state, decodeRecord(entry.value), entry);
      }
    }
  }
}

/** A session's people, who also write what is refused, twice, or in the wrong order. */
class Crowd {
  readonly #key: string;
  readonly #pick: (below: number) => number;
  readonly #sent: RecordJson[] = [];
  readonly #user: SampleWriter;
  #open: { partId: string; length: number } | undefined;

  constructor(key: string, pick: (below: number) => number) {
    this.#key = key;
    this.#pick = pick;
    this.#user = new SampleWriter(`u-${key.slice(5)}`, "ROLE_USER");
    this.#sent.push(this.#user.create());
  }

  next(): RecordJson {
    const record = this.#sent.length === 1 ? (this.#sent[0] ?? this.#user.create()) : this.#choose();
    this.#sent.push(record);
    return record;
  }

  #choose(): RecordJson {
    switch (this.#pick(6)) {
      case 0:
        return this.#sent[this.#pick(this.#sent.length)] ?? this.#user.create();
      case 1:
        return this.#user.record([{ runCompleted: { runId: "nobody:1:0" } }]);
      case 2:
        return this.#user.say(`said in ${this.#key} `.repeat(1 + this.#pick(800)));
      case 3: {
        const begun = this.#user.begin();
        this.#open = { partId: begun.partId, length: 0 };
        return begun.record;
      }
      default:
        return this.#append();
    }
  }

  #append(): RecordJson {
    const open = this.#open;
    if (open === undefined) return this.#user.say("nothing to append to");
    const text = "word ".repeat(1 + this.#pick(4));
    const record = this.#user.append(open.partId, open.length, text);
    this.#open = { ...open, length: open.length + text.length };
    return record;
  }
}

async function expectSame(world: KeeperTest, reference: Reference, held: HeldSession, what: string): Promise<void> {
  await reference.follow(world);
  await world.test.atRest();
  expect([what, canonicalText(held.state)]).toEqual([what, canonicalText(reference.state(held.sessionKey))]);
}

async function oneRun(seed: number): Promise<void> {
  const pick = seeded(seed);
  const world = await KeeperTest.start(2);
  try {
    const reference = new Reference();
    const crowds = new Map(KEYS.map((key) => [key, new Crowd(key, pick)]));
    await world.keeper({ node: "keeper", eventsKeptMs: 30_000, trimMs: 10_000 });
    const followed = await Promise.all(KEYS.map((key) => world.attach(key)));
    let keepers = 1;
    for (let step = 0; step < STEPS; step += 1) {
      const key = KEYS[pick(KEYS.length)] ?? "";
      const what = `seed ${seed}, step ${step}, ${key}`;
      const choice = pick(20);
      if (choice < 12) {
        const count = 1 + pick(10);
        for (let sent = 0; sent < count; sent += 1) await world.test.append(key, crowds.get(key)?.next() ?? {});
      } else if (choice < 15) {
        await reference.follow(world);
        await world.pass(1_000 * (1 + pick(20)), 1_000);
      } else if (choice < 18) {
        await expectSame(world, reference, await world.attach(key), what);
      } else if (choice === 18 && keepers < 3) {
        keepers += 1;
        await world.keeper({ node: `keeper-${step}`, eventsKeptMs: 30_000, trimMs: 10_000 });
      } else {
        await reference.follow(world);
        await world.kill();
        keepers = 1;
        followed.length = 0;
        await world.keeper({ node: `keeper-${step}`, eventsKeptMs: 30_000, trimMs: 10_000 });
        followed.push(...(await Promise.all(KEYS.map((each) => world.attach(each)))));
      }
    }
    for (const held of followed) await expectSame(world, reference, held, `seed ${seed}, followed ${held.sessionKey}`);
    for (const key of KEYS) await expectSame(world, reference, await world.attach(key), `seed ${seed}, last ${key}`);
  } finally {
    await world.stop();
  }
}

describe("the same log gives the same state (SPEC 3)", () => {
  it.each(Array.from({ length: RUNS }, (_unused, seed) => [seed + 1]))(
    "whatever was checkpointed, trimmed, killed and handed over in between: seed %i",
    oneRun,
  );
});

describe("a node that attaches while others write", () => {
  it("sees every record once, without a gap at the seam (SPEC 10)", async () => {
    const world = await KeeperTest.start(1);
    const user = new SampleWriter("u", "ROLE_USER");
    const key = "acme/one";
    await world.keeper({ checkpointBytes: 5_000 });
    await world.test.append(key, user.create());
    const begun = user.begin();
    await world.test.append(key, begun.record);
    let length = 0;
    const writing: Promise<unknown>[] = [];
    const attached: Promise<Awaited<ReturnType<KeeperTest["attach"]>>>[] = [];
    for (let sent = 0; sent < 1_500; sent += 1) {
      const text = `${sent} `;
      writing.push(world.test.append(key, user.append(begun.partId, length, text)));
      length += text.length;
      if (sent % 100 === 50) attached.push(world.attach(key));
      if (sent % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(writing);
    const readers = await Promise.all(attached);
    await world.test.atRest();
    const whole = canonicalText(await world.test.foldAll(key));
    for (const reader of readers) {
      expect(canonicalText(reader.state)).toBe(whole);
      const seqs = reader.heard.map(({ seq }) => seq);
      expect(seqs).toEqual(Array.from(seqs, (_unused, index) => 1_503 - seqs.length + 1 + index));
    }
    expect(readers.some(({ heard }) => heard.length > 0)).toBe(true);
    await world.stop();
  });
});
