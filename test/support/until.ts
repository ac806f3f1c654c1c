import { setTimeout as delay } from "node:timers/promises";

const EVERY_MS = 20;
/** Generous: a deadline is there to name what never came, not to judge how fast it came. */
export const DEADLINE_MS = 60_000;

/**
 * Looks again and again until there is something else than `undefined` or `false`, and resolves to that. Throws at the
 * deadline, naming what was waited for.
 */
export async function until<T>(
  what: string | (() => string),
  look: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = DEADLINE_MS,
): Promise<T> {
  const limitMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > limitMs)
      throw new Error(`not within ${withinMs / 1_000} s: ${typeof what === "string" ? what : what()}`);
    await delay(EVERY_MS);
  }
}
