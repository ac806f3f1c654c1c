// What a process still holds when nobody is connected any more, beside what it held before anybody was.
import { setTimeout as delay } from "node:timers/promises";
import { type Held, heldBy } from "./held.ts";
import type { MortalProgram } from "./mortal.ts";

const IDLE_MS = 30_000;
const EVERY_MS = 500;
/**
 * Connections to a broker are opened as they are needed, up to a number for each use (docs/adr/0006), and each has a timer
 * or two: a process that has worked holds more of them than one that never did. One left behind by each cut is more.
 */
const GROWTH = 10;

function growthOf(kind: string, brokerCount: number): number {
  if (kind.startsWith("socket to ")) return brokerCount === 0 ? 0 : GROWTH;
  return kind === "handle TCPSocketWrap" || kind === "handle Timeout" ? GROWTH * brokerCount : 0;
}

/** Whatever there is more of than before, after a while to let go. `brokerCount`: that the process itself speaks to. */
export async function leaksIn({ name, program }: MortalProgram, before: Held, brokerCount: number): Promise<string[]> {
  const limitMs = performance.now() + IDLE_MS;
  for (;;) {
    const leaks = [...(await heldBy(program))].filter(
      ([kind, count]) => count > (before.get(kind) ?? 0) + growthOf(kind, brokerCount),
    );
    if (leaks.length === 0) return [];
    if (performance.now() > limitMs) {
      return leaks.map(([kind, count]) => `${name} still holds ${count} of "${kind}", ${before.get(kind) ?? 0} before`);
    }
    await delay(EVERY_MS);
  }
}
