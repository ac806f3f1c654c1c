import type { EventJson } from "@perdure/protocol";
import type { HeldSession } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";
import type { NodeIdentity } from "./presence.ts";

export interface ObserverCounterOptions {
  readonly held: HeldSession;
  readonly node: NodeIdentity;
  readonly clock: Clock;
  /** The most often that the count is written, in milliseconds. */
  readonly countMs: number;
  /** How many there are here now. */
  readonly count: () => number;
  readonly write: (event: EventJson) => void;
  /** The session has been told, or knows already. */
  readonly onSettled: () => void;
}

/** Says in the session how many observers this node counts: not at every change, but soon, and only what is news. */
export class ObserverCounter {
  readonly #options: ObserverCounterOptions;
  #cancel: (() => void) | undefined;

  constructor(options: ObserverCounterOptions) {
    this.#options = options;
  }

  /** A change is still to be looked at. */
  get waiting(): boolean {
    return this.#cancel !== undefined;
  }

  /** There may be more or fewer, here or in all. */
  changed(): void {
    if (this.#cancel !== undefined || !this.#counting) return;
    const { clock, countMs, onSettled } = this.#options;
    this.#cancel = clock.after(countMs, () => {
      this.flush();
      onSettled();
    });
  }

  /** Says it now. */
  flush(): void {
    this.end();
    const { held, node, count, write } = this.#options;
    const known = held.state.observers.get(node.name);
    const incarnation = node.incarnation();
    const now = count();
    const isKnown = now === (known?.count ?? 0) && (known === undefined || known.incarnation === incarnation);
    if (held.state.epoch !== undefined && !isKnown)
      write({ observersCounted: { node: node.name, incarnation, count: now } });
  }

  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** The session has a count of this node, or should have. */
  get #counting(): boolean {
    const { held, node, count } = this.#options;
    return held.state.observers.has(node.name) || count() > 0;
  }
}
