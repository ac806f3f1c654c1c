import type { Log } from "@perdure/log";

/** Event-loop turns without a call under way after which nothing more is expected to happen by itself. */
const QUIET_TURNS = 4;

/** A log whose calls are counted while they are under way, so that a test knows when everything has come to rest. */
export class WatchedLog {
  readonly log: Log;
  #underWay = 0;

  constructor(inner: Log) {
    this.log = new Proxy(inner, { get: (_target, name) => this.#member(inner, name) });
  }

  /** Settles when no call is under way and none has followed for some turns of the event loop. */
  async atRest(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#underWay > 0) quiet = -1;
    }
  }

  #member(inner: Log, name: string | symbol): unknown {
    const member: unknown = Reflect.get(inner, name);
    if (typeof member !== "function") return member;
    return (...call: readonly unknown[]): unknown => {
      const outcome: unknown = Reflect.apply(member, inner, call);
      if (outcome instanceof Promise) void this.#watch(outcome);
      return outcome;
    };
  }

  async #watch(outcome: Promise<unknown>): Promise<void> {
    this.#underWay += 1;
    try {
      await outcome;
    } catch {
      // Whoever called hears of it.
    } finally {
      this.#underWay -= 1;
    }
  }
}
