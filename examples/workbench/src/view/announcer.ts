/** What a screen reader is told: beginnings, ends and losses, not every word. */
import type { RunView } from "@perdure/client";
import { element, setText } from "../dom.ts";

export class Announcer {
  readonly root = element("p", { class: "unseen", role: "status", "aria-live": "polite", "data-testid": "announcer" });
  readonly #phases = new Map<string, string>();
  #begun = false;

  say(text: string): void {
    setText(this.root, text);
  }

  /** Tells of what changed since the last time; what was so before the page opened is not news. */
  tell(runs: readonly RunView[]): void {
    for (const { id, phase, agent, attempts } of runs) {
      const state = `${phase} ${attempts}`;
      if (this.#phases.get(id) === state) continue;
      this.#phases.set(id, state);
      const words = this.#begun ? newsOf(phase, agent, attempts) : undefined;
      if (words !== undefined) this.say(words);
    }
    this.#begun = true;
  }
}

function newsOf(phase: RunView["phase"], agent: string, attempts: number): string | undefined {
  switch (phase) {
    case "active":
      return attempts > 1 ? `${agent} is back and goes on.` : `${agent} answers.`;
    case "completed":
      return `${agent} has finished.`;
    case "failed":
      return `${agent} failed.`;
    case "cancelled":
      return "Stopped.";
    case "suspended":
      return "Paused.";
    case "orphaned":
      return `${agent} is gone. Its work waits for it to come back.`;
    default:
      return undefined;
  }
}
