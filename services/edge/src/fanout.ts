import type { Level } from "@perdure/core";
import type { TemplatedApp } from "uWebSockets.js";

export const LEVELS: readonly Level[] = ["all", "staff", "agents"];

/** One topic a session and level. */
export const topicOf = (handle: number, level: Level): string => `${handle}/${level}`;

/** One who may have missed a frame, since it had too much waiting already. */
export interface SlowReceiver {
  /** Ends its subscriptions, so that nothing reaches it past the frame that it missed. */
  fallBehind(): void;
}

/**
 * Publishes to all subscribers of a topic. uWebSockets drops a frame for whoever is past its buffer cap, and says so from
 * inside its own loop over the subscribers, where subscriptions must not change. So the slow are noted, and put aside
 * before anything else is published: what a client has received is always a sequence without a gap.
 */
export class Fanout {
  readonly #app: Pick<TemplatedApp, "publish">;
  readonly #slow = new Set<SlowReceiver>();

  constructor(app: Pick<TemplatedApp, "publish">) {
    this.#app = app;
  }

  publish(handle: number, level: Level, text: string): void {
    if (this.#slow.size > 0) this.#putSlowAside();
    this.#app.publish(topicOf(handle, level), text);
  }

  /** A frame for this receiver was dropped. */
  noteSlow(receiver: SlowReceiver): void {
    if (this.#slow.size === 0) setImmediate(() => this.#putSlowAside());
    this.#slow.add(receiver);
  }

  #putSlowAside(): void {
    const slow = [...this.#slow];
    this.#slow.clear();
    for (const receiver of slow) receiver.fallBehind();
  }
}
