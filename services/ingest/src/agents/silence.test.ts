import { ManualClock } from "@perdure/replica/testing";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { whenSilent } from "./silence.ts";

let clock: ManualClock;
let stoppedMs: number;
const onSilent = vi.fn<() => void>();

beforeEach(() => {
  clock = new ManualClock();
  stoppedMs = 0;
  onSilent.mockReset();
});

const begin = (): (() => void) => {
  const stoppable = { after: clock.after.bind(clock), now: () => clock.now() + stoppedMs };
  return whenSilent({ clock: stoppable, waitMs: 5_000, againMs: 2_000 }, onSilent);
};

/** Timers run, and then what waits for its turn, as in an event loop. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

describe("whoever is waited for", () => {
  test("is silent when the time is over, once", async () => {
    begin();
    await pass(4_999);
    expect(onSilent).not.toHaveBeenCalled();
    await pass(1);
    await pass(60_000);
    expect(onSilent).toHaveBeenCalledOnce();
  });

  test("is not silent when heard of in time", async () => {
    const heard = begin();
    await pass(4_999);
    heard();
    await pass(60_000);
    expect(onSilent).not.toHaveBeenCalled();
  });

  test("is not silent when what was said waits to be read as the time is over", async () => {
    const heard = begin();
    clock.advance(5_000);
    heard();
    await pass(60_000);
    expect(onSilent).not.toHaveBeenCalled();
  });

  test("has some time more where it was this node that was stopped, each time that it was", async () => {
    begin();
    stoppedMs = 60_000;
    await pass(5_000);
    stoppedMs = 120_000;
    await pass(2_000);
    await pass(1_999);
    expect(onSilent).not.toHaveBeenCalled();
    await pass(1);
    expect(onSilent).toHaveBeenCalledOnce();
  });

  test("is found to be silent on a node that is always late, too", async () => {
    begin();
    for (const waitMs of [5_000, 2_000, 2_000]) {
      expect(onSilent).not.toHaveBeenCalled();
      stoppedMs += 60_000;
      await pass(waitMs);
    }
    expect(onSilent).toHaveBeenCalledOnce();
  });
});
