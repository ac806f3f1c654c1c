import { type Log, LogError, type Tail } from "@perdure/log";
import { afterEach, beforeEach, expect, it } from "vitest";
import { PartitionTail } from "./partition-tail.ts";
import { alteredLog, SampleWriter, TestLog, TestLogger, until } from "./testing/index.ts";
import { TOPICS } from "./topics.ts";

const KEY = "acme/one";
const RECORDS = 3;

let test: TestLog;
/** Where the tail was told to begin. */
let begun: number[];
let seen: number[];

beforeEach(async () => {
  test = await TestLog.open(1);
  begun = [];
  seen = [];
  const writer = new SampleWriter("u", "ROLE_USER");
  await test.append(KEY, writer.create());
  for (let said = 1; said < RECORDS; said += 1) await test.append(KEY, writer.say("hello"));
});

afterEach(() => test.close());

/** A tail that brings nothing by itself. */
function silentTail(): Tail {
  return {
    add: (_partition, fromOffset) => void begun.push(fromOffset),
    remove: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Follows the partition from its beginning on a log whose reads are like this. */
function follow(read: Log["read"]): PartitionTail {
  const log = alteredLog(test.log, { read, tail: silentTail });
  const tail = new PartitionTail(log, TOPICS.events, test.clock, new TestLogger());
  tail.follow(0, 0, {
    onEntries: (entries) => void seen.push(...entries.map(({ offset }) => offset)),
    onLost: () => undefined,
  });
  return tail;
}

it("brings what a partition holds before its tail has said anything, and goes on behind it", async () => {
  follow((...place) => test.log.read(...place));
  await until(() => begun.length > 0);
  expect({ seen, begun }).toEqual({ seen: [0, 1, 2], begun: [RECORDS] });
});

it("leaves to the tail what could not be read", async () => {
  let calls = 0;
  follow((topic, partition, offset) => {
    calls += 1;
    if (calls > 1) return Promise.reject(new LogError("unavailable", "the leader is away"));
    return test.log.read(topic, partition, offset, { maxBytes: 1 });
  });
  await until(() => begun.length > 0);
  expect({ seen, begun }).toEqual({ seen: [0], begun: [1] });
});

it("brings nothing to who has left meanwhile", async () => {
  const answer = Promise.withResolvers<undefined>();
  const tail = follow(async (...place) => {
    await answer.promise;
    return test.log.read(...place);
  });
  tail.unfollow(0);
  answer.resolve(undefined);
  await test.atRest();
  expect({ seen, begun }).toEqual({ seen: [], begun: [] });
});

it("takes an answer without entries for no end: the tail looks again from there", async () => {
  follow(() => Promise.resolve([]));
  await until(() => begun.length > 0);
  expect({ seen, begun }).toEqual({ seen: [], begun: [0] });
});

it.each([1, 2])(
  "leaves to the tail what read %i was to bring and never did, and takes no answer after that",
  async (stuck) => {
    const answer = Promise.withResolvers<undefined>();
    let calls = 0;
    follow(async (topic, partition, offset) => {
      calls += 1;
      if (calls === stuck) await answer.promise;
      return test.log.read(topic, partition, offset, { maxBytes: 1 });
    });
    await until(() => calls === stuck);
    test.clock.advance(4_999);
    await test.atRest();
    expect(begun).toEqual([]);
    test.clock.advance(1);
    await until(() => begun.length > 0);
    answer.resolve(undefined);
    await test.atRest();
    const read = [0, 1, 2].slice(0, stuck - 1);
    expect({ seen, begun, timers: test.clock.timerCount }).toEqual({ seen: read, begun: [stuck - 1], timers: 0 });
  },
);
