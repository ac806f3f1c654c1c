import { ManualClock } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { expect, it } from "vitest";
import { CheckpointTurns } from "./checkpoint-turns.ts";
import { Checkpointer } from "./checkpointer.ts";
import type { KeptSession } from "./kept-session.ts";
import { UncoveredSessions } from "./uncovered-sessions.ts";

const HELD_MS = 60_000;
const CHECKPOINT_MS = 1_000;
const clock = new ManualClock();

/** More than may be uncovered, all of it in sessions that are held for a time. */
class HeldSessions extends UncoveredSessions {
  readonly heldUntilMs = clock.now() + HELD_MS;
  looks = 0;

  override get bytes(): number {
    return 10_000;
  }

  override waitingSinceMs(): number | undefined {
    return this.looks === 0 ? this.heldUntilMs : undefined;
  }

  override coverable(): IterableIterator<KeptSession> {
    this.looks += 1;
    if (this.looks > 10) throw new Error("it looks again and again");
    return [][Symbol.iterator]();
  }
}

it("what is held for a time is not looked at again and again meanwhile, however much is uncovered", async () => {
  const uncovered = new HeldSessions();
  const ownership = { partition: 0, member: "m", generation: 1 };
  const checkpointer = new Checkpointer({
    partition: 0,
    clock,
    logger: createLogger({ service: "keeper", node: "test", level: "silent" }),
    writer: { write: () => Promise.reject(new Error("there is nothing to write")) },
    uncovered,
    turns: new CheckpointTurns(clock),
    checkpointMs: CHECKPOINT_MS,
    checkpointBytes: 1_000,
    retryMs: 1_000,
    ownership: () => ownership,
    onWritten: () => undefined,
    onFenced: () => undefined,
  });
  const rest = () => new Promise((resolve) => setImmediate(resolve));
  checkpointer.note();
  await rest();
  expect(uncovered.looks).toBe(0);
  clock.advance(HELD_MS + CHECKPOINT_MS);
  await rest();
  expect(uncovered.looks).toBe(1);
  checkpointer.close();
});
