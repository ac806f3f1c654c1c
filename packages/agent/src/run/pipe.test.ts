import { PerdureError } from "@perdure/core";
import { expect, test } from "vitest";
import { run, setUp, stateWith } from "../testing/agent-world.ts";
import type { Chunk } from "./chunks.ts";
import type { Run } from "./run.ts";

/** More turns of the microtask queue than a pipe takes to its wait for the second chunk. */
const TURNS = 60;

/** One chunk, and then nothing for ever. */
const fallingSilent = (more: Pick<AsyncIterator<Chunk>, "return"> = {}): AsyncIterable<Chunk> => {
  const chunks: Chunk[] = ["first"];
  const next = (): Promise<IteratorResult<Chunk>> => {
    const value = chunks.pop();
    return value === undefined ? new Promise(() => undefined) : Promise.resolve({ value, done: false });
  };
  return { [Symbol.asyncIterator]: () => ({ next, ...more }) };
};

/** What becomes of `work` when its session is lost so many microtasks after the run has begun. */
async function outcomeWhenLost(turns: number, work: (run: Run) => Promise<unknown>): Promise<unknown> {
  const { agent, node, connected } = setUp();
  await connected();
  let outcome: unknown = "still waiting";
  void agent.serve(async (each) => {
    void afterTurns(turns).then(() =>
      node.last.tell({ case: "refused", value: { session: "s", code: "history_lost", message: "gone" } }),
    );
    outcome = await work(each).catch((error: unknown) => (error instanceof PerdureError ? error.code : error));
  });
  node.last.tell({ case: "offer", value: run("r1") });
  node.last.tell({ case: "joined", value: stateWith("r1", 7) });
  node.last.tell({ case: "runStarted", value: { ...run("r1"), attempt: 7 } });
  await new Promise((resolve) => void setImmediate(resolve));
  return outcome;
}

async function afterTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}

test("a pipe ends with its run, at whatever moment that stops, also where its source says nothing more", async () => {
  const outcomes = new Map<unknown, number[]>();
  for (let turns = 0; turns < TURNS; turns += 1) {
    const outcome = await outcomeWhenLost(turns, (each) => each.pipe(fallingSilent()));
    outcomes.set(outcome, [...(outcomes.get(outcome) ?? []), turns]);
  }
  expect([...outcomes.keys()]).toEqual(["history_lost"]);
});

test("a source that fails as it is let go does not hide why", async () => {
  const failing = fallingSilent({
    return: () => {
      throw new Error("it cannot be let go");
    },
  });
  expect(await outcomeWhenLost(TURNS, (each) => each.pipe(failing))).toBe("history_lost");
});
