import { PerdureError, SharedDocument } from "@perdure/core";
import type { AudienceJson, EventJson, RunRequestedJson } from "@perdure/protocol";
import { type Ask, AskWatch } from "./ask.ts";
import { type Content, type MessagePlace, messageEvents } from "./content.ts";
import { Floor, type FloorSession, requestEvent, type TakeoverRequest } from "./floor.ts";
import { type HistoryPage, walkHistory } from "./history-walk.ts";
import { sameItems } from "./memo.ts";
import type { Sent } from "./outbox.ts";
import type { IdOf } from "./outbox-lane.ts";
import { errorOf, type SessionEngine } from "./session-engine.ts";
import type { Status } from "./status.ts";
import { Turn, type TurnSession } from "./turn.ts";
import type { SessionView } from "./view.ts";
import { word } from "./words.ts";

export interface SendOptions {
  /** The agent to ask; `false`: none. Default: the session's own, if it has one. */
  readonly agent?: string | false;
  /** The message that this one follows; default: the last that is shown. */
  readonly parent?: string;
  /** The message that this one is a new version of. */
  readonly editOf?: string;
  /** Participants it is meant for, for display. */
  readonly to?: readonly string[];
  /** Who may see it; default all. */
  readonly audience?: "all" | "staff" | "agents";
  /** An app's own data, JSON text. */
  readonly metadata?: string;
  /** More input for the agent, JSON text. */
  readonly input?: string;
  /** Tools that this client offers, JSON text. */
  readonly tools?: string;
  /** What this client shows or knows, JSON text. */
  readonly context?: string;
}

export interface BudgetOptions {
  /** Absent: the limit is in tokens, input and output together. */
  readonly currency?: string;
  readonly limit: number;
  /** Warn from this part of the limit on, 0 to 1; default: never. */
  readonly warnAt?: number;
}

export interface SessionEvents {
  status: (status: Status) => void;
}

const AUDIENCES = {
  all: "AUDIENCE_ALL",
  staff: "AUDIENCE_STAFF",
  agents: "AUDIENCE_AGENTS",
} as const satisfies Readonly<Record<string, AudienceJson>>;

/** One session: what it shows, and what may be done in it. */
export class Session {
  readonly #engine: SessionEngine;
  readonly #turns: TurnSession;
  readonly #askWatches = new Set<AskWatch>();
  readonly #onClose: () => void;
  readonly #abandon = new AbortController();

  constructor(engine: SessionEngine, onClose: () => void) {
    this.#engine = engine;
    this.#onClose = onClose;
    this.#turns = this.#forTurns();
    engine.onChange((view) => this.#tellAskWatches(view));
  }

  get id(): string {
    return this.#engine.id;
  }

  /** What is shown now; the same object until something changes. */
  get view(): SessionView {
    return this.#engine.view;
  }

  get status(): Status {
    return this.#engine.status;
  }

  /**
   * Calls with what `selector` picks, now and after every change of it, at most once a frame. Lists count as the same
   * where their items are. The returned function ends it.
   */
  select<Picked>(selector: (view: SessionView) => Picked, callback: (picked: Picked) => void): () => void {
    let last = selector(this.view);
    callback(last);
    return this.#engine.onChange((view) => {
      const next = selector(view);
      if (isSame(last, next)) return;
      last = next;
      callback(next);
    });
  }

  /** Calls with the status now and whenever it changes. The returned function ends it. */
  on<Name extends keyof SessionEvents>(_event: Name, listener: SessionEvents[Name]): () => void {
    listener(this.status);
    return this.#engine.onStatus(listener);
  }

  /**
   * Sends a message, shown at once, and asks an agent where there is one to ask. Resolves when the session has accepted
   * it; rejects with the PerdureError that refused it.
   */
  async send(content: Content, options: SendOptions = {}): Promise<Turn> {
    // Whoever has the floor speaks to people.
    const usual = this.view.takeover?.self === true ? "" : this.#engine.defaultAgent;
    const agent = options.agent === false ? "" : (options.agent ?? usual);
    let runIndex = 0;
    const applied = this.#write((idOf) => {
      const events = messageEvents(content, this.#place(options), idOf);
      runIndex = events.length;
      return agent === "" ? events : [...events, { runRequested: runRequest(agent, idOf(0), options) }];
    }, options.audience);
    const idOf = await applied;
    return new Turn(this.#turns, idOf(0), agent === "" ? undefined : idOf(runIndex));
  }

  /** A run that this client, or another one, has asked for. */
  turn(runId: string): Turn {
    const run = this.view.runs.find(({ id }) => id === runId);
    return new Turn(this.#turns, run?.inputMessageId, runId);
  }

  /** Hands each question that waits for an answer, and that this role may answer, to `handler` once. */
  onRequest(handler: (ask: Ask) => unknown): () => void {
    const watch = new AskWatch(handler, (event) => this.#write(() => [event]));
    this.#askWatches.add(watch);
    watch.onView(this.view, this.#role);
    return () => {
      this.#askWatches.delete(watch);
      watch.stop();
    };
  }

  /** Asks for a human; the view's `takeover` shows what becomes of it. Rejects with `already_exists` where that is so already. */
  requestTakeover(request: TakeoverRequest): Promise<void> {
    return this.#apply(requestEvent(request));
  }

  /** A human is no longer asked for. */
  withdrawTakeover(): Promise<void> {
    return this.#apply({ takeoverWithdrawn: { takeoverId: this.view.takeover?.id ?? "none" } });
  }

  /**
   * Takes the floor, as an operator: agents wait until it is given back. Whoever has it already gets it again. Rejects
   * with PerdureError: `already_decided` with the winner, where another one was first.
   */
  async takeOver(): Promise<Floor> {
    const { takeover } = this.view;
    let takeoverId = takeover?.id ?? "";
    if (takeover?.self !== true) {
      const idOf = await this.#write(() => [{ takeoverClaimed: {} }]);
      takeoverId = takeoverId === "" ? idOf(0) : takeoverId;
    }
    return new Floor(this.#forFloors(), this.view.takeover?.id ?? takeoverId);
  }

  /** JSON that everybody in the session shares. */
  document(name: string): SharedDocument {
    const look = () => this.view.documents.find((one) => one.name === name && one.audience === "all");
    return new SharedDocument(name, look, (event) => this.#apply(event));
  }

  /** Limits what the session may cost: in millionths of a currency, or, without one, in tokens. For operators. */
  setBudget({ currency = "", limit, warnAt = 0 }: BudgetOptions): Promise<void> {
    const amount = String(limit);
    const limits = currency === "" ? { limitTokens: amount } : { currency, limitMicros: amount };
    return this.#apply({ budgetSet: { ...limits, warnAt: Math.round(warnAt * 1_000) } });
  }

  liftBudget(currency = ""): Promise<void> {
    return this.#apply({ budgetLifted: { currency } });
  }

  /** The past that the view does not show, newest first; again where `pastPages` has grown. */
  history(): AsyncGenerator<HistoryPage, void, undefined> {
    const { exists, pastPages } = this.view;
    return walkHistory(
      (before) => this.#engine.pages.read(before),
      (id) => this.view.messageById.has(id) || this.view.runs.some((run) => run.id === id),
      exists ? pastPages : undefined,
    );
  }

  /** Shows another version of a message that was edited or regenerated, here only. */
  showVersion(messageId: string): void {
    this.#engine.choose(messageId);
  }

  /** Tells those who are here that this participant is typing. May be called at every key. */
  typing(): void {
    if (this.#engine.typing.due()) this.#engine.tell("typing", "");
  }

  /** Tries again where the server refused, with a new token. */
  retry(): void {
    this.#engine.retry();
  }

  /** Follows the session no longer. */
  close(): void {
    this.#abandon.abort();
    for (const watch of this.#askWatches) watch.stop();
    this.#onClose();
  }

  get #role(): string {
    return word("ROLE", this.#engine.self?.role);
  }

  #tellAskWatches(view: SessionView): void {
    for (const watch of this.#askWatches) watch.onView(view, this.#role);
  }

  #place({ parent, editOf, to, metadata }: SendOptions): MessagePlace {
    const edited = editOf === undefined ? undefined : this.view.messageById.get(editOf);
    return {
      parentId: parent ?? edited?.parentId ?? this.view.messages.at(-1)?.id ?? "",
      role: this.#engine.self?.role === "ROLE_OPERATOR" ? "MESSAGE_ROLE_OPERATOR" : "MESSAGE_ROLE_USER",
      ...(editOf !== undefined && { editOf }),
      ...(to !== undefined && { to }),
      ...(metadata !== undefined && { metadata }),
    };
  }

  #write(events: (idOf: IdOf) => readonly EventJson[], audience?: keyof typeof AUDIENCES): Sent {
    return this.#engine.write((idOf) => ({
      events: events(idOf),
      ...(audience !== undefined && { audience: AUDIENCES[audience] }),
    }));
  }

  async #apply(event: EventJson): Promise<void> {
    await this.#write(() => [event]);
  }

  #forFloors(): FloorSession {
    const view = (): SessionView => this.view;
    return {
      get view() {
        return view();
      },
      send: (content, options) => this.send(content, options),
      apply: (event) => this.#apply(event),
    };
  }

  #forTurns(): TurnSession {
    const view = (): SessionView => this.view;
    return {
      get view() {
        return view();
      },
      write: (events) => this.#write(events),
      when: (look) => this.#when(look),
      sendText: (text, agent) => this.send(text, { agent }),
      messageEvents: (text, idOf) => messageEvents(text, this.#place({}), idOf),
      requestRun: async (agent, inputMessageId) => {
        const idOf = await this.#write(() => [{ runRequested: { agent, inputMessageId } }]);
        return new Turn(this.#turns, inputMessageId, idOf(0));
      },
    };
  }

  #when<Found>(look: (view: SessionView) => Found | undefined): Promise<Found> {
    const found = look(this.view);
    if (found !== undefined) return Promise.resolve(found);
    const { promise, resolve, reject } = Promise.withResolvers<Found>();
    const giveUp = (): void => reject(errorOf(this.status));
    const abandon = (): void => reject(new PerdureError("closed", "the session was closed here"));
    const ends = [
      this.#engine.onChange((view) => {
        const now = look(view);
        if (now !== undefined) resolve(now);
      }),
      this.#engine.onStatus(({ state }) => {
        if (state === "refused" || state === "closed") giveUp();
      }),
      () => this.#abandon.signal.removeEventListener("abort", abandon),
    ];
    this.#abandon.signal.addEventListener("abort", abandon);
    return promise.finally(() => {
      for (const end of ends) end();
    });
  }
}

function runRequest(agent: string, inputMessageId: string, { input, tools, context }: SendOptions): RunRequestedJson {
  return {
    agent,
    inputMessageId,
    ...(input !== undefined && { input }),
    ...(tools !== undefined && { tools }),
    ...(context !== undefined && { context }),
  };
}

const isSame = (one: unknown, other: unknown): boolean =>
  Object.is(one, other) || (Array.isArray(one) && Array.isArray(other) && sameItems(one, other));
