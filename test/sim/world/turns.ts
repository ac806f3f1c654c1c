/** The real one, since a simulated process gets another. */
const askImmediate = setImmediate;
/** So many at once: a round of the real event loop costs as much as a task does. */
const TURNS_A_ROUND = 256;

/**
 * Calls until it answers false. Between two calls all promises settle that may, with all that follows from them: Node
 * sees to that between any two immediates. Rejects with what is thrown.
 */
export function inTurns(call: () => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let left = 0;
  let goesOn = true;
  const turn = (): void => {
    left -= 1;
    if (!goesOn) return;
    try {
      goesOn = call();
    } catch (error) {
      goesOn = false;
      reject(asError(error));
    }
    if (!goesOn) resolve();
    else if (left === 0) ask();
  };
  const ask = (): void => {
    for (; left < TURNS_A_ROUND; left += 1) askImmediate(turn);
  };
  ask();
  return promise;
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
