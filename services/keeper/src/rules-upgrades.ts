import type { Clock } from "@perdure/replica";
import type { KeptSession } from "./kept-session.ts";

export interface RulesUpgradesParts {
  readonly clock: Clock;
  /** The version that every live node knows; 0: that is not known now. */
  readonly knownByAll: () => number;
  readonly perSecond: number;
  /** The session; loaded if it is not in memory, and offered again then. */
  readonly need: (key: string) => KeptSession;
  /** Writes that the session follows the next version. */
  readonly write: (session: KeptSession) => void;
}

const TURN_MS = 100;

/** Raises the rules of one partition's sessions as they come, some at a time: each costs a record that all nodes fold. */
export class RulesUpgrades {
  readonly #parts: RulesUpgradesParts;
  readonly #waiting = new Set<string>();
  #cancelTurn: (() => void) | undefined;

  constructor(parts: RulesUpgradesParts) {
    this.#parts = parts;
  }

  /** Something has happened in the session, or every live node knows later rules. */
  offer(session: KeptSession): void {
    const { state } = session;
    if (state?.epoch !== undefined && state.rules < this.#parts.knownByAll()) this.enqueue(session.key);
  }

  /** The session is looked at when its turn has come. */
  enqueue(key: string): void {
    this.#waiting.add(key);
    this.#cancelTurn ??= this.#parts.clock.after(TURN_MS, () => this.#turn());
  }

  close(): void {
    this.#cancelTurn?.();
    this.#waiting.clear();
  }

  #turn(): void {
    this.#cancelTurn = undefined;
    let left = Math.ceil((this.#parts.perSecond * TURN_MS) / 1000);
    for (const key of this.#waiting) {
      if (left === 0) break;
      left -= 1;
      this.#waiting.delete(key);
      this.#upgrade(this.#parts.need(key));
    }
    if (this.#waiting.size > 0) this.#cancelTurn = this.#parts.clock.after(TURN_MS, () => this.#turn());
  }

  #upgrade(session: KeptSession): void {
    if (session.state === undefined) return;
    session.upgradeDue = true;
    this.#parts.write(session);
  }
}
