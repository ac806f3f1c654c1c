import { type Log, LogError, type Tail } from "@perdure/log";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HeldSession, Replica, SessionListener } from "./api.ts";
import { createReplica } from "./log-replica.ts";
import type { ReplicaLimits } from "./options.ts";
import { alteredLog, canonicalText, HeadWriter, SampleWriter, TestLog, TestLogger, until } from "./testing/index.ts";
import { TOPICS } from "./topics.ts";

const KEY = "acme/one";
const OTHER = "acme/two";
const ATTACH_MS = 1_000;
const quiet: SessionListener = { onAccepted: () => undefined, onLost: () => undefined };

let test: TestLog;
let user: SampleWriter;
let replica: Replica | undefined;

beforeEach(async () => {
  test = await TestLog.open(1);
  user = new SampleWriter("u", "ROLE_USER");
  await test.append(KEY, user.create());
  await test.append(KEY, user.say("hello"));
  const heads = await HeadWriter.join(test.log);
  await heads.write(0, { [KEY]: await test.foldAll(KEY) }, 1);
});

afterEach(async () => {
  await replica?.close();
  await test.close();
});

function onLog(replaced: Partial<Log>, limits: Partial<ReplicaLimits> = {}): Replica {
  const { clock, partitions } = test;
  const log = alteredLog(test.log, replaced);
  const logger = new TestLogger();
  replica = createReplica({ log, clock, partitions, logger, limits: { attachMs: ATTACH_MS, ...limits } });
  return replica;
}

async function expectWhole({ state }: HeldSession): Promise<void> {
  expect(canonicalText(state)).toBe(canonicalText(await test.foldAll(KEY)));
}

/** What an attach is refused with. */
const refusedOf = (attached: Promise<HeldSession>): Promise<unknown> =>
  attached.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Attaches, and waits in vain for as long as an attach may take: what it was answered. */
async function inVain(from: Replica): Promise<unknown> {
  const refused = refusedOf(from.attach(KEY, quiet));
  await test.atRest();
  test.clock.advance(ATTACH_MS);
  return refused;
}

it.each(["read", "bounds"] as const)("an attach begins anew after a `%s` that never settles", async (call) => {
  const { log } = test;
  let isStuck = false;
  const never = new Promise<never>(() => undefined);
  const stuck = onLog({
    read: (...place) => (isStuck && call === "read" ? never : log.read(...place)),
    bounds: (...place) => (isStuck && call === "bounds" ? never : log.bounds(...place)),
  });
  await stuck.attach(OTHER, quiet);
  isStuck = true;
  expect(await inVain(stuck)).toMatchObject({ code: "catching_up" });
  isStuck = false;
  await expectWhole(await stuck.attach(KEY, quiet));
});

it("there is one state of a session, also where the load that was given up comes after all", async () => {
  const { log } = test;
  const gate = Promise.withResolvers<undefined>();
  let reads = 0;
  const slow = onLog({
    read: async (topic, ...place) => {
      if (topic === TOPICS.heads) reads += 1;
      if (topic === TOPICS.heads && reads === 1) await gate.promise;
      return log.read(topic, ...place);
    },
  });
  expect(await inVain(slow)).toMatchObject({ code: "catching_up" });
  const held = await slow.attach(KEY, quiet);
  gate.resolve(undefined);
  await test.atRest();
  const { seq } = held.state;
  await test.append(KEY, user.say("again"));
  await until(() => held.state.seq > seq);
  expect((await slow.attach(KEY, quiet)).state).toBe(held.state);
});

it("a partition is read anew whose index the log does not go on with", async () => {
  const { log } = test;
  let tell: ((error: LogError) => void) | undefined;
  const replaced = onLog({
    tail: (topic, listener) => {
      if (topic === TOPICS.index) tell ??= (error) => listener.onPartitionError(0, error);
      return log.tail(topic, listener);
    },
  });
  const lost: string[] = [];
  await replaced.attach(OTHER, { ...quiet, onLost: (code) => void lost.push(code) });
  tell?.(new LogError("offset_future", "the topic was made anew"));
  expect(lost).toEqual(["catching_up"]);
  await expectWhole(await replaced.attach(KEY, quiet));
});

it.each([TOPICS.events, TOPICS.index])(
  "a partition is opened anew whose `%s` was never told the bounds of",
  async (topic) => {
    const { log } = test;
    let isStuck = true;
    const never = new Promise<never>(() => undefined);
    const stuck = onLog({ bounds: (of, partition) => (isStuck && of === topic ? never : log.bounds(of, partition)) });
    // In the time of the first one the index may have been read.
    expect(await inVain(stuck)).toMatchObject({ code: "catching_up" });
    expect(await inVain(stuck)).toMatchObject({ code: "catching_up" });
    isStuck = false;
    await expectWhole(await stuck.attach(KEY, quiet));
  },
);

it.each(["read", "bounds"] as const)(
  "a partition is opened anew whose events are not read on, since a `%s` of them never settles",
  async (call) => {
    const { log } = test;
    const never = new Promise<never>(() => undefined);
    let isStuck = true;
    let looks = 0;
    const stuck = onLog({
      read: (topic, ...place) =>
        isStuck && call === "read" && topic === TOPICS.events ? never : log.read(topic, ...place),
      bounds: (topic, partition) => {
        if (topic === TOPICS.events) looks += 1;
        // The first look at them opens the partition.
        return isStuck && call === "bounds" && looks > 1 ? never : log.bounds(topic, partition);
      },
    });
    await test.append(KEY, user.say("more"));
    for (let attach = 0; attach < 2; attach += 1) expect(await inVain(stuck)).toMatchObject({ code: "catching_up" });
    isStuck = false;
    await inVain(stuck);
    await expectWhole(await stuck.attach(KEY, quiet));
  },
);

it("a partition that is opened slowly is not begun anew as long as more of its index is read", async () => {
  const { log } = test;
  const gates: (() => void)[] = [];
  const begun: number[] = [];
  const slow = onLog({
    read: async (topic, partition, offset, limits) => {
      if (topic !== TOPICS.index) return log.read(topic, partition, offset, limits);
      begun.push(offset);
      await new Promise<void>((resolve) => gates.push(resolve));
      return log.read(topic, partition, offset, { maxBytes: 1 });
    },
  });
  const refused = refusedOf(slow.attach(KEY, quiet));
  await until(() => gates.length === 1);
  gates.shift()?.();
  await until(() => gates.length === 1);
  test.clock.advance(ATTACH_MS);
  expect(await refused).toMatchObject({ code: "catching_up" });
  const attached = slow.attach(KEY, quiet);
  gates.shift()?.();
  await expectWhole(await attached);
  expect(begun).toEqual([0, 1]);
});

it("however many attaches come too late, each gives up what it has waited for itself", async () => {
  const { log, clock } = test;
  const gate = Promise.withResolvers<undefined>();
  let loads = 0;
  const slow = onLog({
    read: async (topic, ...place) => {
      if (topic === TOPICS.heads) loads += 1;
      if (topic === TOPICS.heads) await gate.promise;
      return log.read(topic, ...place);
    },
  });
  const refused: Promise<unknown>[] = [];
  for (let attach = 0; attach < 20; attach += 1) {
    refused.push(refusedOf(slow.attach(KEY, quiet)));
    await test.atRest();
    clock.advance(ATTACH_MS / 5);
  }
  for (const late of refused.slice(0, 15)) expect(await late).toMatchObject({ code: "catching_up" });
  expect(loads).toBe(4);
  gate.resolve(undefined);
});

it("a load that was given up does not keep its partition", async () => {
  const { log, clock } = test;
  const left: number[] = [];
  const idleMs = ATTACH_MS / 10;
  const stuck = onLog(
    {
      read: (topic, ...place) => (topic === TOPICS.heads ? new Promise(() => undefined) : log.read(topic, ...place)),
      tail: (topic, listener) => {
        const tail = log.tail(topic, listener);
        if (topic !== TOPICS.index) return tail;
        const remove: Tail["remove"] = (partition) => {
          left.push(partition);
          tail.remove(partition);
        };
        return { add: (...place) => tail.add(...place), remove, close: () => tail.close() };
      },
    },
    { sessionIdleMs: idleMs, partitionIdleMs: idleMs },
  );
  (await stuck.attach(OTHER, quiet)).detach();
  expect(await inVain(stuck)).toMatchObject({ code: "catching_up" });
  expect(left).toEqual([]);
  clock.advance(2 * idleMs);
  expect(left).toEqual([0]);
});
