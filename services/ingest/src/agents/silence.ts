import type { Clock } from "@perdure/service-kit";

export interface Silence {
  readonly clock: Clock;
  /** The time to say something, in milliseconds. */
  readonly waitMs: number;
  /** That time once more, where it was this node that could not hear, in milliseconds. */
  readonly againMs: number;
}

/** So often it waits once more: a node that is late each time hears what there is late, and finds who says nothing. */
const AGAIN_COUNT = 2;

/**
 * Calls when nobody ended the wait in time with the returned function. A node that was stopped itself finds the time over
 * before it has heard what was said meanwhile: it waits again, and never calls before it has read what is there, since
 * timers come before sockets.
 */
export function whenSilent({ clock, waitMs, againMs }: Silence, onSilent: () => void): () => void {
  let isOver = false;
  let cancel = (): void => undefined;
  const wait = (forMs: number, againCount: number): void => {
    const dueMs = clock.now() + forMs;
    cancel = clock.after(forMs, () => {
      const isLate = clock.now() - dueMs > againMs / 2;
      if (isLate && againCount > 0) wait(againMs, againCount - 1);
      else setImmediate(() => isOver || onSilent());
    });
  };
  wait(waitMs, AGAIN_COUNT);
  return () => {
    isOver = true;
    cancel();
  };
}
