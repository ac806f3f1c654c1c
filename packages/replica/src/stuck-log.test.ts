import { type Log, LogError } from "@perdure/log";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { HeldSession, Replica, SessionListener } from "./api.ts";
import { createReplica } from "./log-replica.ts";
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

function onLog(replaced: Partial<Log>): Replica {
  const { clock, partitions } = test;
  const log = alteredLog(test.log, replaced);
  replica = createReplica({ log, clock, partitions, logger: new TestLogger(), limits: { attachMs: ATTACH_MS } });
  return replica;
}

async function expectWhole({ state }: HeldSession): Promise<void> {
  expect(canonicalText(state)).toBe(canonicalText(await test.foldAll(KEY)));
}

/** Attaches, and waits in vain for as long as an attach may take: what it was answered. */
async function inVain(from: Replica): Promise<unknown> {
  const refused = from.attach(KEY, quiet).then(
    () => undefined,
    (error: unknown) => error,
  );
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
