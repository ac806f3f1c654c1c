import { ManualClock } from "@perdure/replica/testing";
import { describe, expect, it } from "vitest";
import { DueQueue } from "./due-queue.ts";

function started(): { clock: ManualClock; due: string[][]; queue: DueQueue; start: number } {
  const clock = new ManualClock();
  const due: string[][] = [];
  const queue = new DueQueue(clock, (keys) => due.push(keys.toSorted()));
  return { clock, due, queue, start: clock.now() };
}

describe("DueQueue", () => {
  it("calls for each session at its time, with one timer", () => {
    const { clock, due, queue, start } = started();
    for (const [key, delayMs] of [
      ["c", 300],
      ["a", 100],
      ["b", 200],
      ["b2", 200],
    ] as const)
      queue.set(key, start + delayMs);
    expect(clock.timerCount).toBe(1);
    clock.advance(250);
    expect(due).toEqual([["a"], ["b", "b2"]]);
    clock.advance(100);
    expect(due.at(-1)).toEqual(["c"]);
    expect(clock.timerCount).toBe(0);
  });

  it("knows only the last time that was set", () => {
    const { clock, due, queue, start } = started();
    queue.set("later", start + 100);
    queue.set("later", start + 500);
    queue.set("sooner", start + 500);
    queue.set("sooner", start + 100);
    queue.set("never", start + 100);
    queue.set("never", 0);
    clock.advance(400);
    expect(due).toEqual([["sooner"]]);
    clock.advance(200);
    expect(due).toEqual([["sooner"], ["later"]]);
    expect(queue.size).toBe(0);
  });

  it("keeps the order of time over many", () => {
    const { clock, due, queue, start } = started();
    const times = Array.from({ length: 200 }, (_unused, index) => ((index * 7919) % 1_009) + 1);
    for (const [index, delayMs] of times.entries()) queue.set(`${index}`, start + delayMs);
    clock.advance(2_000);
    expect(due.flat().map((key) => times[Number(key)])).toEqual(times.toSorted((a, b) => a - b));
  });

  it("wakes for a time that is weeks away, and for one that has passed", () => {
    const { clock, due, queue, start } = started();
    const weekMs = 7 * 24 * 60 * 60 * 1000;
    queue.set("far", start + 5 * weekMs);
    clock.advance(5 * weekMs - 1);
    expect(due).toEqual([]);
    clock.advance(1);
    expect(due).toEqual([["far"]]);
    queue.set("past", 1);
    clock.advance(0);
    expect(due.at(-1)).toEqual(["past"]);
  });

  it("does not grow with times that were set and set again", () => {
    const { clock, due, queue, start } = started();
    for (let round = 0; round < 10_000; round += 1) queue.set("busy", start + 1_000_000 + round);
    expect(queue.heldCount).toBeLessThan(200);
    clock.advance(1_010_000);
    expect(due).toEqual([["busy"]]);
  });
});
