import type { EventJson, TakeoverOutcomeJson, UrgencyJson } from "@perdure/protocol";
import type { Content } from "./content.ts";
import type { SendOptions } from "./session.ts";
import type { Turn } from "./turn.ts";
import type { SessionView } from "./view.ts";

export interface TakeoverRequest {
  /** Why a human is needed, for everybody. */
  readonly reason: string;
  /** What the human should know; for staff. */
  readonly summary?: string;
  readonly urgency?: "low" | "normal" | "high";
  /** Who should come. */
  readonly team?: string;
  /** Without anybody for so long it expires, in milliseconds; default: never. */
  readonly expiresInMs?: number;
}

export interface NoteOptions {
  /** For the agents, or the next operator; staff see it too. */
  readonly note?: string;
}

/** What a floor needs of its session. */
export interface FloorSession {
  readonly view: SessionView;
  send(content: Content, options: SendOptions): Promise<Turn>;
  /** Settles when the event counts; rejects with the PerdureError that refused it. */
  apply(event: EventJson): Promise<void>;
}

/** The floor of a session, which an operator has: agents wait until it is given back. */
export class Floor {
  readonly takeoverId: string;
  readonly #session: FloorSession;

  constructor(session: FloorSession, takeoverId: string) {
    this.#session = session;
    this.takeoverId = takeoverId;
  }

  /** False: it was given back, passed on, or taken away. */
  get held(): boolean {
    const { takeover } = this.#session.view;
    return takeover?.id === this.takeoverId && takeover.self;
  }

  /** Says something as the operator; no agent is asked. */
  say(content: Content, options: Omit<SendOptions, "agent"> = {}): Promise<Turn> {
    return this.#session.send(content, { ...options, agent: false });
  }

  /** The agents go on, with the note. */
  handBack(options: NoteOptions = {}): Promise<void> {
    return this.#release("TAKEOVER_OUTCOME_HANDED_BACK", options);
  }

  /** The matter is settled: what agents had not ended is cancelled. */
  resolve(options: NoteOptions = {}): Promise<void> {
    return this.#release("TAKEOVER_OUTCOME_RESOLVED", options);
  }

  /** Another operator has the floor from now on. */
  transfer(to: string, { note = "" }: NoteOptions = {}): Promise<void> {
    return this.#session.apply({ takeoverTransferred: { takeoverId: this.takeoverId, to, note } });
  }

  #release(outcome: TakeoverOutcomeJson, { note = "" }: NoteOptions): Promise<void> {
    return this.#session.apply({ takeoverReleased: { takeoverId: this.takeoverId, outcome, note } });
  }
}

const URGENCIES = {
  low: "URGENCY_LOW",
  normal: "URGENCY_NORMAL",
  high: "URGENCY_HIGH",
} as const satisfies Readonly<Record<string, UrgencyJson>>;

export const requestEvent = ({ urgency = "normal", ...request }: TakeoverRequest): EventJson => ({
  takeoverRequested: { ...request, urgency: URGENCIES[urgency] },
});
