import type { Clock } from "@perdure/replica";
import { Paced } from "@perdure/service-kit";
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

/** Raises the rules of one partition's sessions as they come, some at a time: each costs a record that all nodes fold. */
export class RulesUpgrades {
  readonly #parts: RulesUpgradesParts;
  readonly #turns: Paced<string>;

  constructor(parts: RulesUpgradesParts) {
    this.#parts = parts;
    // What is offered has just been examined, and with many others: the next turn is soon enough.
    this.#turns = new Paced(parts.clock, { perSecond: parts.perSecond, begins: "with a turn" });
  }

  /** Something has happened in the session, or every live node knows later rules. */
  offer(session: KeptSession): void {
    const { state } = session;
    if (state?.epoch !== undefined && state.rules < this.#parts.knownByAll()) this.enqueue(session.key);
  }

  /** The session is looked at when its turn has come. */
  enqueue(key: string): void {
    this.#turns.add(key, () => this.#upgrade(this.#parts.need(key)));
  }

  close(): void {
    this.#turns.close();
  }

  #upgrade(session: KeptSession): void {
    if (session.state === undefined) return;
    session.upgradeDue = true;
    this.#parts.write(session);
  }
}
