import { type Logger, rulesOfAll } from "@perdure/service-kit";
import type { NodeLeases } from "./node-leases.ts";

export interface FleetRulesParts {
  readonly leases: Pick<NodeLeases, "all">;
  readonly logger: Logger;
  /** Every live node has come to know a later version. */
  readonly onRaised: () => void;
}

/**
 * The version of the rules that every live node knows, as far as this keeper can tell: it must have heard all beats for
 * a whole lease, or it might not know of a node.
 */
export class FleetRules {
  readonly #parts: FleetRulesParts;
  #version = 0;

  constructor(parts: FleetRulesParts) {
    this.#parts = parts;
  }

  /** 0: that is not known now. */
  get knownByAll(): number {
    return this.#version;
  }

  /** Looks at the leases; `listenedMs`: for how long all beats have been heard. */
  look(listenedMs: number): void {
    const leases = [...this.#parts.leases.all()].map(([, { lease }]) => lease);
    const longestMs = Math.max(...leases.map(({ leaseMs = 0 }) => leaseMs));
    const before = this.#version;
    this.#version = listenedMs > longestMs ? rulesOfAll(leases) : 0;
    if (this.#version <= before) return;
    this.#parts.logger.info({ rules: this.#version }, "the rules that all live nodes know");
    this.#parts.onRaised();
  }
}
