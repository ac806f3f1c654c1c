import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Calls `emit` `perSecond` times a second for `durationMs`, evenly; what a late timer missed is made up at once, as an
 * open-loop load does, so that a stall of the system under test is not hidden by waiting for it.
 */
export async function pace(perSecond: number, durationMs: number, emit: (index: number) => void): Promise<number> {
  const total = tokensIn(perSecond, durationMs);
  const startMs = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1_000) + 1);
    while (sent < due) emit(sent++);
    // A timer is good to about a millisecond: spinning for more would take a core from the system under test.
    await sleep(Math.max(1, startMs + (sent * 1_000) / perSecond - performance.now()));
  }
  return total;
}

/** How often `pace` emits. */
export const tokensIn = (perSecond: number, durationMs: number): number => Math.floor((perSecond * durationMs) / 1_000);
