import { PerdureError } from "@perdure/core";
import { sessionKey } from "@perdure/protocol";
import type { HistoryPage } from "../../../packages/client/src/history-walk.ts";
import type { Session } from "../../../packages/client/src/session.ts";
import type { MessageView } from "../../../packages/client/src/view.ts";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { Level, Recorder, ShownItem } from "./recorder.ts";
import { TENANT } from "./tokens.ts";

/** More than a page of the past takes to come once nothing is in the way. */
const PATIENCE_MS = 20_000;
/** Some page of a walk is looked at for so long before the next one is asked for. */
const LOOK_MS = 1_500;

export interface WalkerOptions {
  readonly name: string;
  readonly level: Level;
  readonly process: SimProcess;
  readonly random: Random;
  /** Those that are open in the page now, by id. */
  readonly sessions: ReadonlyMap<string, Session>;
  readonly recorder: Recorder;
}

/** Scrolls back, time and again: walks the past of a session by the real client, back to its first event, while it goes on. */
export class Walker {
  readonly #options: WalkerOptions;
  /** Of the walk that is under way: its session, and when it last got on. */
  #walk: { readonly session: Session; movedMs: number } | undefined;

  constructor(options: WalkerOptions) {
    this.#options = options;
    options.process.after(0, () => void this.#goOn());
  }

  /** Whether it waits for a page of the past that does not come. */
  get isStuck(): boolean {
    const { process, sessions } = this.#options;
    if (this.#walk === undefined || ![...sessions.values()].includes(this.#walk.session)) return false;
    return process.clock.now() - this.#walk.movedMs > PATIENCE_MS;
  }

  async #goOn(): Promise<never> {
    const { random, sessions } = this.#options;
    // At once for the first time, when the page knows nothing of the session yet.
    for (; ; await this.#wait(1_000, 12_000)) {
      const open = [...sessions.keys()];
      const id = open.length === 0 ? "" : random.of(open);
      const session = sessions.get(id);
      if (session !== undefined) await this.#look(id, session);
      this.#walk = undefined;
    }
  }

  async #look(id: string, session: Session): Promise<void> {
    const { name, level, recorder } = this.#options;
    try {
      for (;;) {
        const { past, pastPages } = await this.#past(session);
        const { view } = session;
        if (!view.exists) return;
        // It was away for so long that its view begins later now: what lies between is found by another walk.
        if (view.pastPages !== pastPages) continue;
        const now = { messages: [...view.messageById.values()], runs: view.runs };
        const { messages, runs } = itemsOf([now, ...past]);
        recorder.wholes.push({
          reader: name,
          sessionKey: sessionKey(TENANT, id),
          seq: view.seq,
          level,
          messages,
          runs,
        });
        return;
      }
    } catch (error) {
      const code = error instanceof PerdureError ? error.code : String(error);
      if (code !== "closed") recorder.fault(`resume: ${name} is told ${code} of the past of ${id}`);
    }
  }

  /** `pastPages`: how many there were, as soon as that was known. */
  async #past(session: Session): Promise<{ readonly past: HistoryPage[]; readonly pastPages: number }> {
    const { process, random } = this.#options;
    const past: HistoryPage[] = [];
    let pastPages = session.view.exists ? session.view.pastPages : undefined;
    const walk = { session, movedMs: process.clock.now() };
    this.#walk = walk;
    for await (const page of session.history()) {
      pastPages ??= session.view.pastPages;
      past.push(page);
      if (random.chance(0.2)) await this.#wait(0, LOOK_MS);
      walk.movedMs = process.clock.now();
    }
    return { past, pastPages: pastPages ?? session.view.pastPages };
  }

  async #wait(lowMs: number, highMs: number): Promise<void> {
    const { process, random } = this.#options;
    await new Promise<void>((resolve) => void process.after(random.between(lowMs, highMs), resolve));
  }
}

/** All that is there, but for what is on its way from here and not in the session yet. */
function itemsOf(places: readonly HistoryPage[]): { messages: ShownItem[]; runs: ShownItem[] } {
  const messages = places.flatMap((place) => place.messages);
  const pending = new Set(messages.filter(isPending).map(({ id }) => id));
  const runs = places.flatMap((place) => place.runs).filter(({ inputMessageId }) => !pending.has(inputMessageId));
  return {
    messages: messages.filter((message) => !isPending(message)).map(({ id, text }) => ({ id, says: text })),
    runs: runs.map(({ id, phase }) => ({ id, says: phase })),
  };
}

const isPending = ({ status }: MessageView): boolean => status === "pending";
