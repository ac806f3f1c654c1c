import type { Level } from "@perdure/core";
import type { TemplatedApp } from "uWebSockets.js";

export const LEVELS: readonly Level[] = ["all", "staff", "agents"];

/** One topic a session and level. */
export const topicOf = (handle: number, level: Level): string => `${handle}/${level}`;

/**
 * Publishes to all subscribers of a topic. Whoever was subscribed when something was published gets it, however much
 * waits for it: it is the rooms that let go of those for whom too much does.
 */
export class Fanout {
  readonly #app: Pick<TemplatedApp, "publish">;

  constructor(app: Pick<TemplatedApp, "publish">) {
    this.#app = app;
  }

  publish(handle: number, level: Level, text: string): void {
    this.#app.publish(topicOf(handle, level), text);
  }
}
