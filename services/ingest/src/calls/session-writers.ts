import type { Verdict } from "@perdure/core";
import type { ActorJson, EventJson } from "@perdure/protocol";
import type { HeldSession, Replica } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";
import { SessionWriter } from "../agents/session-writer.ts";

/** How long a writer is kept after its last record: each new one takes a place in the session's ledger. */
const IDLE_MS = 60_000;

interface Entry {
  readonly held: HeldSession;
  readonly writer: SessionWriter;
  uses: number;
  cancelIdle: (() => void) | undefined;
}

/** Writers for those who call once and hold no stream: one per session and actor, shared by their calls. */
export class SessionWriters {
  readonly #replica: Replica;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Promise<Entry>>();
  #closed = false;

  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica;
    this.#clock = clock;
  }

  /** Writes one record and answers its verdict. `eventsNow` sees the session. Throws PerdureError, LogError. */
  async write(
    sessionKey: string,
    actor: ActorJson,
    eventsNow: (held: HeldSession) => readonly EventJson[],
  ): Promise<Verdict> {
    const key = JSON.stringify([sessionKey, actor]);
    const entry = await this.#entry(key, sessionKey, actor);
    entry.uses += 1;
    entry.cancelIdle?.();
    try {
      const verdict = await entry.writer.write(() => ({ events: eventsNow(entry.held) }));
      if (verdict === undefined) throw new Error("a record without events");
      return verdict;
    } finally {
      entry.uses -= 1;
      if (entry.uses === 0) this.#keepIdle(key, entry);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const [key, entry] of this.#entries) this.#drop(key, await entry);
  }

  async #entry(key: string, sessionKey: string, actor: ActorJson): Promise<Entry> {
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const opening = this.#open(key, sessionKey, actor);
    this.#entries.set(key, opening);
    opening.catch(() => this.#entries.delete(key));
    return opening;
  }

  async #open(key: string, sessionKey: string, actor: ActorJson): Promise<Entry> {
    const held = await this.#replica.attach(sessionKey, {
      onAccepted: () => undefined,
      onLost: () => this.#entries.delete(key),
    });
    return { held, writer: new SessionWriter(held, actor, this.#clock), uses: 0, cancelIdle: undefined };
  }

  #keepIdle(key: string, entry: Entry): void {
    if (this.#closed) this.#drop(key, entry);
    else entry.cancelIdle = this.#clock.after(IDLE_MS, () => this.#drop(key, entry));
  }

  #drop(key: string, entry: Entry): void {
    entry.cancelIdle?.();
    this.#entries.delete(key);
    entry.held.detach();
  }
}
