import { toHead } from "@perdure/core";
import { LogError, type Tail } from "@perdure/log";
import { encodeHead, encodeIndexEntry, encodeRecord, keyBytes } from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import { alteredLog, canonicalText, GatedTail, SampleWriter, until } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";

let world: KeeperTest;
let user: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start(1);
  user = new SampleWriter("u", "ROLE_USER");
  await world.test.append(KEY, user.create());
});

afterEach(() => world.stop());

const say = async (count: number, text = "some words "): Promise<void> => {
  for (let said = 0; said < count; said += 1) await world.test.append(KEY, user.say(text.repeat(10)));
};

describe("when sessions are checkpointed", () => {
  it("within ten seconds, so that a node that attaches then starts from the head", async () => {
    await world.keeper();
    await say(3);
    await world.pass(10_000);
    expect(await world.indexEntry(KEY)).toMatchObject({ covered: "3", epoch: "0", seq: 10 });
    expect(await world.watermark(0)).toBe(3);
    await say(1);
    const held = await world.attach(KEY);
    expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(KEY)));
    expect(held.acceptedSince(0)).toBeUndefined();
    expect(held.acceptedSince(10)).toHaveLength(1);
  });

  it("at once where too much is uncovered", async () => {
    await world.keeper({ checkpointBytes: 2_000 });
    await say(20);
    await world.test.atRest();
    expect(await world.watermark(0)).toBeGreaterThan(0);
  });

  it("and the watermark does not go back where one counted of which that was not known", async () => {
    const gated = new GatedTail(world.test.log, TOPICS.index);
    const watermarks: number[] = [];
    const doubtful = alteredLog(gated.log, {
      checkpoint: async (ownership, write) => {
        await gated.log.checkpoint(ownership, write);
        watermarks.push(await world.watermark(0));
        if (watermarks.length === 1) throw new LogError("unavailable", "it is not known what became of it");
      },
    });
    const other = new SampleWriter("o", "ROLE_USER");
    await world.test.append("acme/two", other.create());
    await world.keeper({ checkpointMs: 1_000, checkpointBatchBytes: 2_000 }, doubtful);
    await world.test.atRest();
    gated.hold();
    await world.pass(1_000);
    // The first of the two alone is more than one checkpoint takes now.
    await say(30);
    await world.pass(5_000);
    expect(watermarks).toEqual([1, 31]);
    gated.release();
  });

  it("and the partition is opened anew where the log does not go on with the index that was read", async () => {
    const { log } = world.test;
    let tell: ((error: LogError) => void) | undefined;
    let begun = 0;
    const replaced = alteredLog(log, {
      tail: (topic, listener) => {
        const tail = log.tail(topic, listener);
        if (topic !== TOPICS.index) return tail;
        tell ??= (error) => listener.onPartitionError(0, error);
        const add: Tail["add"] = (...place) => {
          begun += 1;
          tail.add(...place);
        };
        return { add, remove: (partition) => tail.remove(partition), close: () => tail.close() };
      },
    });
    await world.keeper({}, replaced);
    expect(begun).toBe(1);
    tell?.(new LogError("offset_future", "the topic was made anew"));
    await world.pass(5_000);
    expect(begun).toBe(2);
    await say(2);
    await world.pass(10_000);
    expect(await world.watermark(0)).toBe(2);
  });

  it("and a session stays in memory until it is known what became of its checkpoint", async () => {
    const gate = Promise.withResolvers<void>();
    const { log, clock } = world.test;
    let begun = 0;
    const slow = alteredLog(log, {
      checkpoint: (ownership, write) =>
        log.checkpoint(ownership, async (scope) => {
          begun += 1;
          await write(scope);
          await gate.promise;
        }),
    });
    await world.keeper({ checkpointMs: 100, sessionIdleMs: 1_000 }, slow);
    const turn = async (): Promise<boolean> => {
      clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
      return begun > 0;
    };
    await until(turn);
    // It rests for longer than a session is kept, and the index does not know yet what is covered.
    for (let turns = 0; turns < 40; turns += 1) await turn();
    await say(1);
    gate.resolve();
    await world.covered(KEY);
    const held = await world.attach(KEY);
    expect(held.acceptedSince(0)).toBeUndefined();
    expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(KEY)));
  });

  it("when the keeper stops, so that the next one has nothing to fold", async () => {
    const keeper = await world.keeper();
    await say(3);
    await world.test.atRest();
    await keeper.stop();
    expect(await world.watermark(0)).toBe(3);
  });

  it("only where something has happened: time alone writes nothing", async () => {
    await world.keeper();
    await world.covered(KEY);
    const { end } = await world.test.log.bounds(TOPICS.heads, 0);
    await world.pass(60_000, 1_000);
    expect((await world.test.log.bounds(TOPICS.heads, 0)).end).toBe(end);
  });

  it("some at a time where they are many, and the watermark follows", async () => {
    await world.keeper({ checkpointBatchBytes: 1 });
    for (let index = 0; index < 10; index += 1) {
      await world.test.append(`acme/s${index}`, new SampleWriter(`w${index}`, "ROLE_USER").create());
    }
    await world.pass(10_000);
    expect(await world.watermark(0)).toBe(10);
    for (let index = 0; index < 10; index += 1)
      expect(await world.indexEntry(`acme/s${index}`)).toMatchObject({ seq: 1 });
  });

  it("before the tail goes on where the cap of uncovered bytes is reached", async () => {
    await world.keeper({ checkpointBytes: 1_000_000, uncoveredBytesMax: 3_000 });
    await say(100);
    await world.test.atRest();
    expect(await world.watermark(0)).toBe(-1);
    await world.pass(60_000);
    expect(await world.watermark(0)).toBe(100);
  });
});

describe("a session that its keeper lets go of", () => {
  it("stays in memory until the index says what was written of it", async () => {
    const gated = new GatedTail(world.test.log, TOPICS.index);
    await world.keeper({ sessionIdleMs: 10_000, checkpointMs: 1_000 }, gated.log);
    await world.covered(KEY);
    gated.hold();
    await say(3);
    await world.covered(KEY);
    await world.pass(60_000, 5_000);
    await say(1);
    await world.covered(KEY);
    gated.release();
    const held = await world.attach(KEY);
    expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(KEY)));
  });
});

describe("what a killed keeper leaves behind (SPEC 1: kept)", () => {
  it("is taken up where its last checkpoint ends", async () => {
    await world.keeper();
    await say(3);
    await world.covered(KEY);
    await say(3);
    await world.test.atRest();
    await world.kill();
    await world.keeper();
    await say(2);
    await world.covered(KEY);
    expect(await world.watermark(0)).toBe(8);
    const held = await world.attach(KEY);
    expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(KEY)));
  });
});

describe("a session that cannot be folded", () => {
  it("is set aside without holding up the others, and stays so", async () => {
    await world.keeper();
    await world.test.appendBytes(KEY, new Uint8Array([0xff, 0xff, 0xff]));
    await world.test.appendBytes("acme/two", encodeRecord(new SampleWriter("o", "ROLE_USER").create()));
    await world.covered("acme/two");
    expect(await world.indexEntry(KEY)).toMatchObject({ setAside: "1" });
    expect(await world.indexEntry("acme/two")).toMatchObject({ covered: "2", seq: 1 });
    await expect(world.attach(KEY)).rejects.toMatchObject({ code: "set_aside" });
    await world.kill();
    await world.keeper();
    await say(1);
    await world.covered(KEY);
    await expect(world.attach(KEY)).rejects.toMatchObject({ code: "set_aside" });
  });

  it("keeps the head that it had", async () => {
    await world.keeper();
    await world.covered(KEY);
    const before = await world.indexEntry(KEY);
    await world.test.appendBytes(KEY, new Uint8Array([0xff, 0xff, 0xff]));
    await world.covered(KEY);
    expect(await world.indexEntry(KEY)).toEqual({ ...before, setAside: "1" });
  });
});

describe("bytes in the log that are not what they should be", () => {
  it("set aside the session whose index entry or head they are, and hold up no other", async () => {
    const { log } = world.test;
    const garbage = new Uint8Array([0xff]);
    await log.append(TOPICS.index, 0, { key: keyBytes("acme/two"), value: garbage });
    const { offset } = await log.append(TOPICS.heads, 0, { key: keyBytes("acme/three"), value: garbage });
    const entry = encodeIndexEntry({ headOffset: String(offset), live: true, dueMs: "1" });
    await log.append(TOPICS.index, 0, { key: keyBytes("acme/three"), value: entry });
    await world.keeper();
    for (const key of ["acme/two", "acme/three"]) {
      await world.test.append(key, new SampleWriter(key.slice(5), "ROLE_USER").create());
    }
    await say(1);
    await world.pass(20_000);
    expect(await world.watermark(0)).toBe(3);
    for (const key of ["acme/two", "acme/three"]) {
      expect((await world.indexEntry(key))?.setAside).toBeDefined();
      await expect(world.attach(key)).rejects.toMatchObject({ code: "set_aside" });
    }
    expect((await world.attach(KEY)).state.seq).toBe(4);
  });
});

describe("a head that the index names and the log lacks", () => {
  const LOST = "acme/lost";
  const LATE_MS = 59_000;

  /** The index says that the session's head is at `headOffset`, where another session's is, or nothing. */
  async function name(headOffset: number): Promise<void> {
    const entry = encodeIndexEntry({ headOffset: String(headOffset), covered: "0", epoch: "0", seq: 1 });
    await world.test.log.append(TOPICS.index, 0, { key: keyBytes(LOST), value: entry });
  }

  /** Another session's head, at offset 0. */
  async function takeFirstPlace(): Promise<void> {
    await world.test.log.append(TOPICS.heads, 0, { key: keyBytes("acme/other"), value: new Uint8Array([1]) });
  }

  it.each([
    ["another's is there", 0],
    ["the log ends before it", 7],
  ])("sets its session aside after a minute, and the others are covered: %s", async (_case, headOffset) => {
    await takeFirstPlace();
    await name(headOffset);
    await world.keeper();
    await world.test.append(LOST, new SampleWriter("l", "ROLE_USER").say("hello"));
    await say(2);
    await world.pass(LATE_MS);
    expect(await world.watermark(0)).toBe(0);
    expect((await world.indexEntry(LOST))?.setAside).toBeUndefined();
    await expect(world.attach(LOST)).rejects.toMatchObject({ code: "catching_up" });
    await world.pass(20_000);
    expect(await world.watermark(0)).toBe(3);
    expect(await world.indexEntry(LOST)).toMatchObject({ seq: 1, setAside: "1" });
    await expect(world.attach(LOST)).rejects.toMatchObject({ code: "set_aside" });
    expect((await world.attach(KEY)).state.seq).toBe(7);
    await world.kill();
    await world.keeper();
    await world.test.append(LOST, new SampleWriter("l", "ROLE_USER").create());
    await world.covered(LOST);
    await expect(world.attach(LOST)).rejects.toMatchObject({ code: "set_aside" });
  });

  it("also where the heads begin after it", async () => {
    const { log } = world.test;
    const trimmed = alteredLog(log, {
      async read(topic, ...rest) {
        if (topic === TOPICS.heads) throw new LogError("offset_trimmed", "the heads begin later", { start: 9 });
        return log.read(topic, ...rest);
      },
    });
    await name(1);
    await world.keeper({}, trimmed);
    await world.test.append(LOST, new SampleWriter("l", "ROLE_USER").say("hello"));
    await world.pass(80_000);
    expect(await world.watermark(0)).toBe(1);
    expect(await world.indexEntry(LOST)).toMatchObject({ setAside: "1" });
  });

  it("is waited for as long as the log does not answer, since it may be there", async () => {
    const { log } = world.test;
    let isAway = true;
    const away = alteredLog(log, {
      async read(topic, ...rest) {
        if (topic === TOPICS.heads && isAway) throw new LogError("unavailable", "no broker");
        return log.read(topic, ...rest);
      },
    });
    await takeFirstPlace();
    await name(0);
    await world.keeper({}, away);
    await world.test.append(LOST, new SampleWriter("l", "ROLE_USER").say("hello"));
    await world.pass(300_000, 5_000);
    isAway = false;
    await world.pass(LATE_MS);
    expect((await world.indexEntry(LOST))?.setAside).toBeUndefined();
    await world.pass(20_000);
    expect(await world.indexEntry(LOST)).toMatchObject({ setAside: "1" });
  });

  it("is folded from where it comes within that time", async () => {
    const state = await world.test.foldAll(KEY);
    await takeFirstPlace();
    const entry = encodeIndexEntry({ headOffset: "1", covered: "0", epoch: "0", seq: state.seq });
    await world.test.log.append(TOPICS.index, 0, { key: keyBytes(KEY), value: entry });
    await world.keeper();
    await say(2);
    await world.pass(LATE_MS);
    await world.test.log.append(TOPICS.heads, 0, { key: keyBytes(KEY), value: encodeHead(toHead(state)) });
    await world.pass(20_000);
    expect(await world.watermark(0)).toBe(2);
    expect((await world.attach(KEY)).state.seq).toBe(7);
  });
});

describe("a head that the log does not take", () => {
  it("sets its session aside, and the others are covered", async () => {
    const { log } = world.test;
    const picky = alteredLog(log, {
      checkpoint: (ownership, write) =>
        log.checkpoint(ownership, (scope) =>
          write({
            append: async (topic, entry) => {
              if (topic === TOPICS.heads && entryKeyText(entry) === KEY) throw new LogError("too_large", "too large");
              return scope.append(topic, entry);
            },
          }),
        ),
    });
    await world.keeper({}, picky);
    await world.test.append("acme/two", new SampleWriter("o", "ROLE_USER").create());
    await world.pass(20_000);
    expect(await world.watermark(0)).toBe(1);
    expect(await world.indexEntry("acme/two")).toMatchObject({ seq: 1 });
    expect(await world.indexEntry(KEY)).toMatchObject({ setAside: "0" });
    await expect(world.attach(KEY)).rejects.toMatchObject({ code: "set_aside" });
  });
});
