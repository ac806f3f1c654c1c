import type { Log } from "@perdure/log";
import { encodeIndexEntry, keyBytes } from "@perdure/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HeldSession, Replica, SessionListener } from "./api.ts";
import { createReplica } from "./log-replica.ts";
import type { ReplicaLimits } from "./options.ts";
import {
  alteredLog,
  canonicalText,
  GatedTail,
  HeadWriter,
  SampleWriter,
  TestLog,
  TestLogger,
  until,
} from "./testing/index.ts";
import { TOPICS } from "./topics.ts";

const KEY = "acme/one";
const OTHER = "acme/two";
const quiet: SessionListener = { onAccepted: () => undefined, onLost: () => undefined };

let test: TestLog;
let logger: TestLogger;
let heads: HeadWriter;
let user: SampleWriter;
const replicas: Replica[] = [];

function newReplica(limits: Partial<ReplicaLimits> = {}, log: Log = test.log): Replica {
  const { clock, partitions } = test;
  const replica = createReplica({ log, clock, partitions, logger, limits });
  replicas.push(replica);
  return replica;
}

/** The log, with something done before the first read of a topic. */
function beforeRead(topic: string, act: () => Promise<void>): Log {
  const { log } = test;
  let done = false;
  return alteredLog(log, {
    async read(from, ...rest) {
      if (from === topic && !done) {
        done = true;
        await act();
      }
      return log.read(from, ...rest);
    },
  });
}

/** The log, with something done after the first read of a topic, before its answer arrives. */
function afterRead(topic: string, act: () => Promise<void>): Log {
  const { log } = test;
  let done = false;
  return alteredLog(log, {
    async read(from, ...rest) {
      const found = await log.read(from, ...rest);
      if (from === topic && !done) {
        done = true;
        await act();
      }
      return found;
    },
  });
}

async function say(count: number, key = KEY, writer = user): Promise<void> {
  for (let said = 0; said < count; said += 1) await test.append(key, writer.say(`message ${said} `.repeat(20)));
}

/** Covers the session, and the whole partition, with what is in the log now. */
async function cover(): Promise<number> {
  const state = await test.foldAll(KEY);
  const { end } = await test.log.bounds(TOPICS.events, 0);
  await heads.write(0, { [KEY]: state }, end - 1);
  return end - 1;
}

async function expectWhole(held: HeldSession): Promise<void> {
  expect(canonicalText(held.state)).toBe(canonicalText(await test.foldAll(KEY)));
}

beforeEach(async () => {
  test = await TestLog.open(1);
  logger = new TestLogger();
  heads = await HeadWriter.join(test.log);
  user = new SampleWriter("u", "ROLE_USER");
  await test.append(KEY, user.create());
});

afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await test.close();
});

describe("attach, from a head and the records past it (SPEC 3: same log, same state)", () => {
  it("takes the head where all is covered, and folds nothing twice", async () => {
    await say(3);
    await cover();
    await expectWhole(await newReplica().attach(KEY, quiet));
  });

  it("folds what came after the head, past what the watermark says", async () => {
    await say(2);
    const state = await test.foldAll(KEY);
    await say(3);
    // The head covers more than the watermark does: another session holds that back.
    await heads.write(0, { [KEY]: state }, 0);
    await expectWhole(await newReplica().attach(KEY, quiet));
  });

  it("needs no record below the watermark, although its own head ends long before", async () => {
    await say(2);
    const state = await test.foldAll(KEY);
    await say(5, OTHER, new SampleWriter("o", "ROLE_USER"));
    await heads.write(0, { [KEY]: state, [OTHER]: await test.foldAll(OTHER) }, 7);
    await test.log.trim(TOPICS.events, 0, 8);
    const held = await newReplica().attach(KEY, quiet);
    expect(canonicalText(held.state)).toBe(canonicalText(state));
  });

  it("starts again when the head was compacted away while it was being read", async () => {
    await say(2);
    await cover();
    const log = beforeRead(TOPICS.heads, async () => {
      await say(2);
      await cover();
    });
    await expectWhole(await newReplica({}, log).attach(KEY, quiet));
  });

  it("starts again when the ring was trimmed past its head while that was on its way", async () => {
    await say(2);
    await cover();
    const log = afterRead(TOPICS.heads, async () => {
      await say(4);
      const covered = await cover();
      await test.atRest();
      await test.log.trim(TOPICS.events, 0, covered + 1);
    });
    const replica = newReplica({}, log);
    await replica.attach(OTHER, quiet);
    const held = await replica.attach(KEY, quiet);
    expect(held.state.seq).toBe(1 + 6 * 3);
  });

  it("waits for the tail to reach what was acknowledged before, however late that is", async () => {
    const gated = new GatedTail(test.log, TOPICS.events);
    gated.hold();
    await say(3);
    let attached = false;
    const attaching = newReplica({}, gated.log)
      .attach(KEY, quiet)
      .finally(() => (attached = true));
    await test.atRest();
    expect(attached).toBe(false);
    gated.release();
    await expectWhole(await attaching);
  });

  it("reads the log again for records whose bytes the ring no longer keeps", async () => {
    const replica = newReplica({ ringBytes: 1_000 });
    await replica.attach(OTHER, quiet);
    await say(20);
    await expectWhole(await replica.attach(KEY, quiet));
  });

  it("answers catching_up where the ring has lost even the offsets, until heads cover more", async () => {
    const replica = newReplica({ ringRecords: 10 });
    await replica.attach(OTHER, quiet);
    await say(20);
    await expect(replica.attach(KEY, quiet)).rejects.toMatchObject({ code: "catching_up", retryAfterMs: 500 });
    await cover();
    await until(async () =>
      replica.attach(KEY, quiet).then(
        () => true,
        () => false,
      ),
    );
  });

  it("answers catching_up when the log takes too long, and leaves no hold behind", async () => {
    const blocked = Promise.withResolvers<void>();
    await cover();
    const replica = newReplica(
      { attachMs: 1_000, sessionIdleMs: 1_000 },
      beforeRead(TOPICS.heads, () => blocked.promise),
    );
    const listener = { onAccepted: () => undefined, lost: 0, onLost: () => (listener.lost += 1) };
    const attaching = replica.attach(KEY, listener);
    const refused = attaching.catch((error: unknown) => error);
    test.clock.advance(1_000);
    expect(await refused).toMatchObject({ code: "catching_up" });
    blocked.resolve();
    const held = await replica.attach(KEY, quiet);
    held.detach();
    await replica.close();
    expect(listener.lost).toBe(0);
  });
});

describe("a log that has lost what no head covers", () => {
  it("is history_lost, never a new session", async () => {
    await say(5);
    await test.log.trim(TOPICS.events, 0, 3);
    await expect(newReplica().attach(KEY, quiet)).rejects.toMatchObject({ code: "history_lost" });
    await expect(newReplica().attach("acme/new", quiet)).rejects.toMatchObject({ code: "history_lost" });
    expect(logger.errors).toContain("history is lost");
  });

  it("is history_lost where that has gone which the ring no longer keeps, and the others go on", async () => {
    const replica = newReplica({ ringBytes: 1_000 });
    const other = await replica.attach(OTHER, quiet);
    await say(20);
    await test.atRest();
    await test.log.trim(TOPICS.events, 0, 10);
    await expect(replica.attach(KEY, quiet)).rejects.toMatchObject({ code: "history_lost" });
    await other.publish(new SampleWriter("o", "ROLE_USER").create()).applied;
    expect(other.state.seq).toBe(1);
  });

  it("is history_lost too where the log ends before its heads do", async () => {
    await heads.write(0, {}, 10);
    await expect(newReplica().attach(KEY, quiet)).rejects.toMatchObject({ code: "history_lost" });
  });
});

describe("a log that is covered and trimmed while a partition is opened", () => {
  it("has lost nothing, however heads and log move on before and after each look", async () => {
    const { log } = test;
    let looks = 0;
    const moving = alteredLog(log, {
      async bounds(topic, partition) {
        if (topic !== TOPICS.events || looks === 4) return log.bounds(topic, partition);
        looks += 1;
        await say(1);
        const { end } = await log.bounds(topic, partition);
        await heads.write(0, {}, end - 1);
        await log.trim(topic, partition, end);
        const seen = await log.bounds(topic, partition);
        await say(1);
        await heads.write(0, {}, seen.end);
        return seen;
      },
    });
    const held = await newReplica({}, moving).attach("acme/new", quiet);
    expect(held.state.seq).toBe(0);
    expect(looks).toBeGreaterThan(1);
    expect(logger.errors).toEqual([]);
  });
});

describe("a session that cannot be folded", () => {
  it("is set aside, and the others of its partition go on", async () => {
    const lost: string[] = [];
    const replica = newReplica();
    await replica.attach(KEY, { ...quiet, onLost: (code) => lost.push(code) });
    const other = await replica.attach(OTHER, quiet);
    await test.appendBytes(KEY, new Uint8Array([0xff, 0xff]));
    await other.publish(new SampleWriter("o", "ROLE_USER").create()).applied;
    expect(lost).toEqual(["set_aside"]);
    expect(other.state.seq).toBe(1);
    await expect(replica.attach(KEY, quiet)).rejects.toMatchObject({ code: "set_aside" });
  });

  it("stays so when the record has left the log, because the index remembers", async () => {
    await heads.write(0, { [KEY]: await test.foldAll(KEY) }, 0, { setAside: "1" });
    await expect(newReplica().attach(KEY, quiet)).rejects.toMatchObject({ code: "set_aside" });
  });

  it("is rules_too_new where it follows rules that this process does not know", async () => {
    const state = await test.foldAll(KEY);
    state.rules = 99;
    await heads.write(0, { [KEY]: state }, 0);
    await expect(newReplica().attach(KEY, quiet)).rejects.toMatchObject({ code: "rules_too_new" });
  });
});

describe("letting go", () => {
  it("keeps a session for a time after its last hold, then forgets it", async () => {
    const replica = newReplica({ sessionIdleMs: 1_000, partitionIdleMs: 1_000 });
    const held = await replica.attach(KEY, quiet);
    held.detach();
    const again = await replica.attach(KEY, quiet);
    expect(again.state).toBe(held.state);
    again.detach();
    test.clock.advance(5_000);
    const later = await replica.attach(KEY, quiet);
    expect(later.state).not.toBe(held.state);
    await expectWhole(later);
  });

  it("keeps a session until its writers know the verdict, and forgets it then, even where the log was told first", async () => {
    const acknowledged = Promise.withResolvers<void>();
    const slow = alteredLog(test.log, {
      async append(...parts) {
        const appended = await test.log.append(...parts);
        await acknowledged.promise;
        return appended;
      },
    });
    const replica = newReplica({ sessionIdleMs: 1_000, partitionIdleMs: 1_000 }, slow);
    const held = await replica.attach(KEY, quiet);
    const { applied } = held.publish(user.say("and gone"));
    await until(() => held.state.seq > 1);
    held.detach();
    test.clock.advance(5_000);
    acknowledged.resolve();
    expect(await applied).toMatchObject({ kind: "accepted" });
    test.clock.advance(5_000);
    expect((await replica.attach(KEY, quiet)).state).not.toBe(held.state);
  });

  it("makes room by forgetting the session that was idle longest, and else refuses", async () => {
    const replica = newReplica({ sessions: 2 });
    const first = await replica.attach(KEY, quiet);
    await replica.attach(OTHER, quiet);
    await expect(replica.attach("acme/three", quiet)).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 500 });
    first.detach();
    await replica.attach("acme/three", quiet);
    await expect(replica.attach(KEY, quiet)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("tells every holder and every waiting writer when the node stops", async () => {
    const lost: string[] = [];
    const replica = newReplica();
    const held = await replica.attach(KEY, { ...quiet, onLost: (code) => lost.push(code) });
    const { stored, applied } = held.publish(user.say("last words"));
    const judged = applied.catch((error: unknown) => error);
    await replica.close();
    expect(await judged).toMatchObject({ code: "unavailable" });
    await stored;
    expect(lost).toEqual(["unavailable"]);
    await expect(held.publish(user.say("too late")).stored).rejects.toMatchObject({ code: "unavailable" });
    await expect(replica.attach(KEY, quiet)).rejects.toMatchObject({ code: "unavailable" });
    expect(test.clock.timerCount).toBe(0);
  });

  it("does not fail all listeners because one does", async () => {
    const replica = newReplica();
    const seen: number[] = [];
    await replica.attach(KEY, {
      ...quiet,
      onAccepted: () => {
        throw new Error("broken listener");
      },
    });
    const held = await replica.attach(KEY, { ...quiet, onAccepted: ({ seq }) => seen.push(seq) });
    await held.publish(user.say("hello")).applied;
    expect(seen).toEqual([2]);
    expect(logger.errors).toEqual(["a listener of a session failed"]);
  });
});

describe("bytes in the log that are not what they should be", () => {
  it("set aside the session whose index entry or head they are, and no other", async () => {
    await cover();
    await test.log.append(TOPICS.index, 0, { key: keyBytes("acme/garbage"), value: new Uint8Array([0xff]) });
    const { offset } = await test.log.append(TOPICS.heads, 0, { key: keyBytes(OTHER), value: new Uint8Array([0xff]) });
    const entry = encodeIndexEntry({ headOffset: String(offset), covered: "0" });
    await test.log.append(TOPICS.index, 0, { key: keyBytes(OTHER), value: entry });
    const replica = newReplica();
    await expectWhole(await replica.attach(KEY, quiet));
    await expect(replica.attach("acme/garbage", quiet)).rejects.toMatchObject({ code: "set_aside" });
    await expect(replica.attach(OTHER, quiet)).rejects.toMatchObject({ code: "set_aside" });
  });
});
