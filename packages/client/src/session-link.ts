import { CODES, isCode, FOLLOWER_LIMITS, PerdureError } from "@perdure/core";
import {
  type AttachedFrame,
  type ClientFrame,
  type DetachedFrame,
  type ErrorFrame,
  type SendFrame,
  type UpdateFrame,
} from "@perdure/protocol/frames";
import { type BackoffSettings, delayAfter } from "./backoff.ts";
import type { Transmission } from "./connection.ts";
import type { Failure } from "./connection-state.ts";
import type { Clock } from "./environment.ts";
import type { AcceptedFrame, Mirror } from "./mirror.ts";
import type { OutboxEntry } from "./outbox-entry.ts";
import { Timer } from "./timer.ts";

/**
 * `attaching` also while it waits for the connection; `waiting`: for the time that the server named; `lagging`: attached,
 * but what happens comes only when this client has taken what is on its way.
 */
export type LinkPhase = "detached" | "attaching" | "live" | "lagging" | "waiting" | "refused";

export interface LinkState {
  readonly phase: LinkPhase;
  readonly failure?: Failure;
  readonly retryAtMs?: number;
}

export interface SessionLinkOptions {
  readonly session: string;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly random: () => number;
  readonly backoff: BackoffSettings;
  /** `away`: the connection is not open; `connected` will come. */
  readonly send: (frame: ClientFrame) => Transmission;
  /** A new id for a request, which leads the answer here. */
  readonly nextRequestId: () => number;
  /** Leads the frames of a handle here, or no longer. */
  readonly onHandle: (handle: number, added: boolean) => void;
  readonly onState: (state: LinkState) => void;
  /** The session's state was brought up to date by this answer. */
  readonly onAttached: (frame: AttachedFrame) => void;
  /** It was brought up to date after it had lagged. */
  readonly onUpdated: () => void;
  /** This node cannot serve the session, another one may: the connection is to be made anew. */
  readonly onElsewhere: () => void;
  /** Something that should not happen, and was mended. */
  readonly onReport: (code: string, message: string) => void;
}

/**
 * An edge answers an attach in 20 seconds, if only that it cannot yet. After this long at the earliest it is asked whether
 * it still will: later each time that there was no answer, so that an edge which cannot is not asked for ever more, and
 * not by all at once.
 */
const ANSWER_MS = 30_000;
const PATIENCE: BackoffSettings = { baseDelayMs: ANSWER_MS, maxDelayMs: 8 * ANSWER_MS };

/** Follows one session over whatever connection there is: attaches by cursor, finds gaps, comes back. */
export class SessionLink {
  readonly #options: SessionLinkOptions;
  readonly #retry: Timer;
  readonly #patience: Timer;
  /** The edge was pinged since the attach. */
  #isAsked = false;
  /** Attaches in a row that have no answer, with the one that is on its way. */
  #unanswered = 0;
  #state: LinkState = { phase: "detached" };
  #handle: number | undefined;
  #requestId = 0;
  #member: string | undefined;
  #failures = 0;
  #useCursor = true;
  #connected = false;

  constructor(options: SessionLinkOptions) {
    this.#options = options;
    this.#retry = new Timer(options.clock);
    this.#patience = new Timer(options.clock);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** This connection, as presence names it. */
  get member(): string | undefined {
    return this.#member;
  }

  /** The member that an earlier page of this tab was. */
  set member(member: string | undefined) {
    this.#member = member;
  }

  /** The connection is open. A session that was refused stays so, unless `again`. */
  connected(again = false): void {
    this.#connected = true;
    if (this.#state.phase !== "refused" || again) this.#attach();
  }

  disconnected(): void {
    this.#connected = false;
    this.#retry.stop();
    this.#dropHandle();
    if (this.#state.phase !== "refused") this.#become({ phase: "detached" });
  }

  /** Follows no longer, and says so. */
  leave(): void {
    if (this.#handle !== undefined) this.#options.send({ t: "detach", h: this.#handle });
    this.disconnected();
  }

  /** Sends a record, unless the edge would end the connection for it, and again with every try. */
  transmit(producer: string, entry: OutboxEntry): Transmission {
    const h = this.handle;
    if (h === undefined) return "away";
    const { number, born, epoch, audience, events } = entry;
    const frame: SendFrame = {
      t: "send",
      h,
      p: producer,
      n: number,
      born,
      ...(epoch !== undefined && { epoch }),
      ...(audience !== undefined && { au: audience }),
      ev: events,
    };
    if (events.length <= FOLLOWER_LIMITS.eventsPerRecord) return this.#options.send(frame);
    const message = `${events.length} events, and a record has ${FOLLOWER_LIMITS.eventsPerRecord}`;
    return new PerdureError("invalid_record", message);
  }

  /** The handle of the attached session; undefined: it is not. */
  get handle(): number | undefined {
    return this.#follows ? this.#handle : undefined;
  }

  onAttached(frame: AttachedFrame): void {
    if (frame.id !== this.#requestId || this.#state.phase !== "attaching") return;
    this.#unanswered = 0;
    const { mirror, onHandle, onReport, onAttached } = this.#options;
    if (frame.code !== undefined) onReport(frame.code, `the cursor was of no use: ${frame.how}`);
    if (!mirror.attached(frame)) return this.#startOver(frame.how);
    this.#dropHandle();
    this.#handle = frame.h;
    this.#member = frame.member;
    this.#useCursor = true;
    this.#failures = 0;
    onHandle(frame.h, true);
    this.#become({ phase: "live" });
    onAttached(frame);
  }

  /** Takes what was accepted; true where the state has changed. */
  onAccepted(frame: AcceptedFrame): boolean {
    // What comes before the answer to an attach is part of that answer.
    if (!this.#follows) return false;
    const taken = this.#options.mirror.take(frame);
    if (taken === "gap") {
      this.#options.onReport("internal", "records are missing; attaching again");
      this.#attach();
    }
    return taken === "applied";
  }

  /** Too much waits for this client: what happens comes later, in one piece. */
  onLagging(): void {
    if (this.#state.phase === "live") this.#become({ phase: "lagging" });
  }

  onUpdate(frame: UpdateFrame): void {
    if (!this.#follows) return;
    if (this.#options.mirror.attached(frame)) this.#options.onUpdated();
    else this.#startOver(frame.how);
  }

  onCaughtUp(): void {
    if (this.#state.phase === "lagging") this.#become({ phase: "live" });
  }

  onDetached(frame: DetachedFrame): void {
    this.#dropHandle();
    this.#failed(failureFrom(frame.code, frame.message, frame.retryAfterMs));
  }

  /** An answer to an attach that was refused. */
  onError(frame: ErrorFrame): void {
    if (frame.id !== this.#requestId || this.#state.phase !== "attaching") return;
    this.#unanswered = 0;
    this.#failed(failureFrom(frame.code, frame.message, frame.retryAfterMs));
  }

  /** Something large has come for others. Such go out one by one where the client is slow, and a pong overtakes them. */
  onOthersAnswered(): void {
    if (this.#state.phase === "attaching") this.#awaitAnswer();
  }

  /**
   * The edge has answered a ping. What it said before has come before: where neither the attach nor another request was
   * answered by then, it is stuck, and no slow line is in between.
   */
  onPong(): void {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    const { onReport, onElsewhere } = this.#options;
    onReport("unavailable", `the node has not answered an attach in ${ANSWER_MS} ms or more; connecting anew`);
    onElsewhere();
  }

  get #follows(): boolean {
    return this.#state.phase === "live" || this.#state.phase === "lagging";
  }

  /** What is here is not what the server thinks: asks for everything. */
  #startOver(how: string): void {
    this.#options.onReport("internal", `an answer (${how}) did not fit what was here`);
    this.#useCursor = false;
    this.#attach();
  }

  #attach(): void {
    this.#retry.stop();
    const { session, mirror, send, nextRequestId } = this.#options;
    this.#requestId = nextRequestId();
    this.#become({ phase: "attaching" });
    const cursor = this.#useCursor ? mirror.cursor : undefined;
    const member = this.#member;
    this.#unanswered += 1;
    this.#awaitAnswer();
    send({
      t: "attach",
      id: this.#requestId,
      session,
      ...(cursor !== undefined && { cursor }),
      ...(member !== undefined && { member }),
    });
  }

  #awaitAnswer(): void {
    const { send, random } = this.#options;
    this.#isAsked = false;
    this.#patience.start(delayAfter(this.#unanswered - 1, random(), ANSWER_MS, PATIENCE), () => {
      this.#isAsked = true;
      send({ t: "ping" });
    });
  }

  #failed(failure: Failure): void {
    if (!failure.retryable) return this.#become({ phase: "refused", failure });
    const { clock, random, backoff } = this.#options;
    const delayMs = delayAfter(this.#failures, random(), failure.retryAfterMs, backoff);
    this.#failures += 1;
    this.#become({ phase: "waiting", failure, retryAtMs: clock.now() + delayMs });
    this.#retry.start(delayMs, () => {
      if (!this.#connected) return;
      if (failure.code === "rules_too_new") this.#options.onElsewhere();
      else this.#attach();
    });
  }

  #dropHandle(): void {
    if (this.#handle !== undefined) this.#options.onHandle(this.#handle, false);
    this.#handle = undefined;
  }

  #become(state: LinkState): void {
    this.#patience.stop();
    this.#isAsked = false;
    this.#state = state;
    this.#options.onState(state);
  }
}

/** Codes that end one life of a name or a connection's hold on it, but not the wish to follow it. */
const ATTACH_AGAIN: ReadonlySet<string> = new Set(["session_replaced"]);

function failureFrom(code: string, message = code, retryAfterMs?: number): Failure {
  const retryable = ATTACH_AGAIN.has(code) || !isCode(code) || CODES[code].retryable;
  return { code, message, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
