import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import timersPromises from "node:timers/promises";
import { currentWorld } from "./world.ts";

const refuse = (name: string) => (): never => {
  throw new Error(`${name} was called in a simulation: take the clock that was passed in`);
};

/**
 * Replaces what a process takes from the machine without having been given it: chance, turns of the event loop, the time.
 * A real timer is refused, since nothing in a simulation may wait for one. For the whole process; there is no way back.
 */
export function simulateRuntime(): void {
  crypto.randomUUID = () => asUuid(currentWorld().ids.uuid());
  Math.random = () => currentWorld().ids.next();
  const inTurn = (call: () => void): void => {
    const { scheduler } = currentWorld();
    scheduler.after(0, scheduler.current, call);
  };
  Object.assign(globalThis, {
    setImmediate: inTurn,
    setTimeout: refuse("setTimeout"),
    setInterval: refuse("setInterval"),
  });
  Object.assign(timersPromises, { setImmediate: () => new Promise<void>((resolve) => inTurn(resolve)) });
  Date.now = () => {
    const { scheduler } = currentWorld();
    return scheduler.current?.clock.now() ?? Math.floor(scheduler.nowMs);
  };
  syncBuiltinESMExports();
}

function asUuid(text: string): ReturnType<typeof crypto.randomUUID> {
  const [a = "", b = "", c = "", d = "", e = ""] = text.split("-");
  return `${a}-${b}-${c}-${d}-${e}`;
}
