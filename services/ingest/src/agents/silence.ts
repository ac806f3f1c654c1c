import type { Clock } from "@perdure/service-kit";

export interface Silence {
  readonly clock: Clock;
  /** The time to say something, in milliseconds. */
  readonly waitMs: number;
  /** That time once more, where it was this node that could not hear, in milliseconds. */
  readonly againMs: number;
}

/**
 * Calls when nobody ended the wait in time with the returned function. A node that was stopped itself finds the time over
 * before it has heard what was said meanwhile: it waits again, and never calls before it has read what is there, since
 * timers come before sockets.
 */
export function whenSilent({ clock, waitMs, againMs }: Silence, onSilent: () => void): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const wait = (forMs: number): void => {
    const dueMs = clock.now() + forMs;
    cancel = clock.after(forMs, () => {
      if (clock.now() - dueMs > againMs / 2) wait(againMs);
      else setImmediate(() => isOver || onSilent());
    });
  };
  wait(waitMs);
  return () => {
    isOver = true;
    cancel();
  };
}
