import { LogError } from "@perdure/log";
import type { PageJson } from "@perdure/protocol";
import { type Replica, TOPICS } from "@perdure/replica";
import { alteredLog, canonicalText, GatedTail, SampleWriter } from "@perdure/replica/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeeperTest } from "./testing/keeper-test.ts";

const KEY = "acme/one";
const LONG = "a passage of some length, as answers are. ".repeat(700);

let world: KeeperTest;
let user: SampleWriter;

beforeEach(async () => {
  world = await KeeperTest.start(1);
  user = new SampleWriter("u", "ROLE_USER");
  await world.test.append(KEY, user.create());
});

afterEach(() => world.stop());

async function say(count: number): Promise<void> {
  const records = Array.from({ length: count }, (_unused, index) => user.say(`${index} ${LONG}`));
  await Promise.all(records.map((record) => world.test.append(KEY, record)));
}

/** Every page of the session's first life, by a reader that walks back from the newest. */
async function walkBack(replica: Replica, from: number): Promise<PageJson[]> {
  const pages: PageJson[] = [];
  for (let number = from - 1; number >= 0; number -= 1) {
    const page = await replica.readPage(KEY, 0, number);
    if (page === undefined) throw new Error(`page ${number} is missing`);
    pages.unshift(page);
  }
  return pages;
}

async function expectHistoryWhole(messages: number): Promise<void> {
  const held = await world.attach(KEY);
  const pages = await walkBack(world.replica(), held.state.nextPage);
  const ids = new Set(
    [...pages.flatMap((page) => page.messages ?? []), ...held.state.messages.values()].map(({ id }) => id),
  );
  expect(ids.size).toBe(messages);
  expect(pages.every((page) => page.previous === undefined)).toBe(true);
}

describe("pages", () => {
  it("hold what left the state, whole, and are found from the newest back to the first", async () => {
    await world.keeper();
    await say(12);
    await world.covered(KEY);
    await say(12);
    await world.covered(KEY);
    await expectHistoryWhole(24);
  });

  it("are found although their keeper was killed between them, and the next one knew nothing of them", async () => {
    await world.keeper({ node: "first" });
    await say(9);
    await world.covered(KEY);
    await say(3);
    await world.kill();
    await world.keeper({ node: "second" });
    await say(9);
    await world.covered(KEY);
    await expectHistoryWhole(21);
    const held = await world.attach(KEY);
    expect(canonicalText(held.state)).toBe(canonicalText(await world.test.foldAll(KEY)));
  });

  it("are linked although the keeper has not read again what it wrote itself", async () => {
    const gated = new GatedTail(world.test.log, TOPICS.index);
    await world.keeper({ checkpointMs: 1_000 }, gated.log);
    gated.hold();
    await say(6);
    await world.covered(KEY);
    await say(6);
    await world.covered(KEY);
    await world.test.append(KEY, user.say("a short one, for which nothing is shed"));
    await world.covered(KEY);
    await expectHistoryWhole(13);
    gated.release();
  });

  it("are not lost with a checkpoint that fails", async () => {
    const { log } = world.test;
    let failures = 0;
    const failing = alteredLog(log, {
      checkpoint: (ownership, write) =>
        log.checkpoint(ownership, async (scope) => {
          await write(scope);
          failures += 1;
          if (failures < 3) throw new LogError("unavailable", "the broker went away");
        }),
    });
    await world.keeper({}, failing);
    await say(12);
    await world.covered(KEY);
    expect(failures).toBe(3);
    await expectHistoryWhole(12);
  });

  it("are found past the number that one page names", async () => {
    await world.keeper({ checkpointBatchBytes: 64 * 1024 * 1024 });
    await say(150);
    await say(150);
    await world.covered(KEY);
    const held = await world.attach(KEY);
    expect(held.state.nextPage).toBeGreaterThan(140);
    const first = await world.replica().readPage(KEY, 0, 0);
    expect(first?.messages?.[0]?.id).toBe("u:2:0");
  });

  it("can be read from the node that shed them before they are written", async () => {
    const replica = world.replica();
    const held = await replica.attach(KEY, { onAccepted: () => undefined, onLost: () => undefined });
    await say(6);
    await world.test.atRest();
    expect(held.state.nextPage).toBeGreaterThan(0);
    expect((await replica.readPage(KEY, 0, 0))?.messages?.[0]?.id).toBe("u:2:0");
    const late = world.replica();
    await late.attach(KEY, { onAccepted: () => undefined, onLost: () => undefined });
    expect((await late.readPage(KEY, 0, 0))?.messages?.[0]?.id).toBe("u:2:0");
  });

  it("that do not exist are not found", async () => {
    await world.keeper();
    await say(9);
    await world.covered(KEY);
    const { state } = await world.attach(KEY);
    const replica = world.replica();
    expect(await replica.readPage(KEY, 0, state.nextPage)).toBeUndefined();
    expect(await replica.readPage(KEY, 7, 0)).toBeUndefined();
    expect(await replica.readPage("acme/nobody", 0, 0)).toBeUndefined();
  });
});

describe("what is covered and old", () => {
  it("leaves the log, and the session and its history stay whole", async () => {
    await world.keeper({ eventsKeptMs: 60_000, trimMs: 10_000 });
    await say(12);
    await world.covered(KEY);
    await world.pass(45_000, 1_000);
    await say(1);
    expect((await world.test.log.bounds(TOPICS.events, 0)).start).toBe(0);
    await world.pass(30_000, 1_000);
    expect(await world.test.log.bounds(TOPICS.events, 0)).toEqual({ start: 13, end: 14 });
    await world.pass(60_000, 1_000);
    expect(await world.test.log.bounds(TOPICS.events, 0)).toEqual({ start: 14, end: 14 });
    await expectHistoryWhole(13);
    await world.kill();
    await world.keeper();
    await expectHistoryWhole(13);
  });

  it("stays as long as it is not covered, however old", async () => {
    await world.keeper({ eventsKeptMs: 0, trimMs: 10_000, checkpointMs: 10_000_000 });
    await say(1);
    await world.pass(60_000, 1_000);
    expect((await world.test.log.bounds(TOPICS.events, 0)).start).toBe(0);
  });
});
