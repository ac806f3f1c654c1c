import { setImmediate as nextTurn } from "node:timers/promises";
import { ManualClock } from "@perdure/replica/testing";
import { expect, test } from "vitest";
import { CheckpointTurns } from "./checkpoint-turns.ts";

function setUp() {
  const clock = new ManualClock();
  const turns = new CheckpointTurns(clock);
  const log: string[] = [];
  const take = (name: string): PromiseWithResolvers<void> => {
    const gate = Promise.withResolvers<void>();
    const taken = turns.take(async () => {
      log.push(`${name} begins`);
      await gate.promise;
      log.push(`${name} ends`);
    });
    taken.catch(() => log.push(`${name} fails`));
    return gate;
  };
  return { clock, log, take };
}

test("each begins when the one before has ended, also where that failed", async () => {
  const { log, take } = setUp();
  const [first, second] = [take("a"), take("b"), take("c")];
  await nextTurn();
  expect(log).toEqual(["a begins"]);
  first.resolve();
  await nextTurn();
  expect(log).toEqual(["a begins", "a ends", "b begins"]);
  second.reject(new Error("fenced"));
  await nextTurn();
  expect(log.slice(3)).toEqual(["b fails", "c begins"]);
});

test("nobody waits for long for one that is stuck", async () => {
  const { clock, log, take } = setUp();
  take("a");
  const second = take("b");
  take("c");
  await nextTurn();
  clock.advance(2_000);
  await nextTurn();
  expect(log.slice(0, 2)).toEqual(["a begins", "b begins"]);
  second.resolve();
  await nextTurn();
  expect(log).toContain("c begins");
});
