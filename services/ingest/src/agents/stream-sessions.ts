import { type Code, PerdureError } from "@perdure/core";
import { type EventJson, isSystemSessionId, type LostReasonJson, type Publish, sessionKey } from "@perdure/protocol";
import { refusalOf } from "../refusal.ts";
import { type Departure, mayBeListed, writeDeparture } from "./departure.ts";
import type { AgentDeps } from "./deps.ts";
import type { AgentIdentity } from "./identity.ts";
import { JoinedSession } from "./joined-session.ts";
import type { Outgoing } from "./outgoing.ts";
import { Publishing } from "./publishing.ts";
import { recordBytes, refusalMessage, stateMessage } from "./wire.ts";

export interface StreamSessionsOptions {
  readonly deps: AgentDeps;
  readonly agent: AgentIdentity;
  readonly outgoing: Outgoing;
  /** Whether the stream may be in the session. */
  allows(session: string): boolean;
  /** The agent was told to look for another node. */
  onElsewhere(): void;
}

interface Entry {
  /** Settles when the agent is in the session. */
  readonly entered: Promise<JoinedSession>;
  joined?: { readonly session: JoinedSession; readonly publishing: Publishing };
}

/** The sessions that one stream is in. */
export class StreamSessions {
  readonly #options: StreamSessionsOptions;
  readonly #entries = new Map<string, Entry>();
  /**
   * Sessions that may list the agent though the stream is not in them any more: they have yet to hear that it is gone. Each
   * with a mark of its own, which a later one takes the place of.
   */
  readonly #owed = new Map<string, symbol>();
  /** Where the agent arrives, or is announced again, which goes on when the stream is not in the session any more. */
  readonly #arriving = new Map<string, Promise<unknown>>();
  #over = false;

  constructor(options: StreamSessionsOptions) {
    this.#options = options;
  }

  /** Tells the agent the session's state and, from there on, its records; or why not. Never throws. */
  async join(session: string): Promise<void> {
    try {
      const known = this.#entries.get(session)?.joined;
      if (known === undefined) await this.enter(session);
      else this.#tellState(known.session);
    } catch (error) {
      this.refuse(session, error);
    }
  }

  /** As `join`, but throws what refuses it: `forbidden_session`, `session_not_found`, `fenced`, `too_many_sessions` … */
  async enter(session: string): Promise<JoinedSession> {
    const known = this.#entries.get(session);
    if (known !== undefined) return known.entered;
    const { deps, agent } = this.#options;
    const key = sessionKey(agent.tenant, session);
    if (isSystemSessionId(session)) throw new PerdureError("forbidden_session", "the system's sessions are not joined");
    if (this.#entries.size + this.#owed.size >= deps.limits.sessionsPerStream && !this.#owed.has(session)) {
      throw new PerdureError("too_many_sessions", `a stream may be in ${deps.limits.sessionsPerStream} sessions`);
    }
    const entry: Entry = { entered: this.#enter(session, key, (code) => this.#lost(session, entry, code)) };
    this.#entries.set(session, entry);
    this.#arrives(session, entry.entered);
    this.#owed.delete(session);
    try {
      const joined = await entry.entered;
      this.#begin(entry, joined);
      return joined;
    } catch (error) {
      this.#lost(session, entry, refusalOf(error).code);
      throw error;
    }
  }

  /** Answers a record. Settles when that has happened; never throws. */
  publish({ session, record }: Publish): Promise<void> {
    const publishing = this.#entries.get(session)?.joined?.publishing;
    if (publishing !== undefined) return publishing.publish(record);
    const error = new PerdureError("not_attached", `session ${session} is not joined on this stream: join it first`);
    this.#options.outgoing.send({ case: "verdict", value: refusalMessage(session, record, error) });
    return Promise.resolve();
  }

  /** The agent has nothing more to do there. Settles when the session knows, or never will. */
  async leave(session: string, reason: string): Promise<void> {
    await this.#depart(session, { left: reason });
  }

  async leaveAll(reason: string): Promise<void> {
    await this.#departAll({ left: reason });
  }

  /** The stream is gone. Settles when every session knows, or has to learn it from the node's lease. */
  async loseAll(reason: LostReasonJson): Promise<void> {
    await this.#departAll({ lost: reason });
  }

  /** Says it in every session. */
  writeAll(event: EventJson): void {
    for (const [session, { joined }] of this.#entries) {
      joined?.session.write(() => ({ events: [event] })).catch((error: unknown) => this.#notWritten(session, error));
    }
  }

  /** The node begins another life: everybody is here again, said in some sessions at a time. */
  announceAll(): void {
    this.#announceWhere(() => true);
  }

  /** The agent lives: where a session misses it, it is here again. */
  announceMissed(): void {
    this.#announceWhere(({ isMissed }) => isMissed);
  }

  /** Tells the agent what became of something that it asked of a session. */
  refuse(session: string, error: unknown, runId = ""): void {
    const { code, message, retryAfterMs = 0 } = refusalOf(error);
    if (code === "internal") this.#options.deps.logger.error({ session, err: error }, "a session could not be joined");
    if (code === "rules_too_new") this.#options.onElsewhere();
    this.#options.outgoing.send({ case: "refused", value: { session, code, message, retryAfterMs, runId } });
  }

  async #enter(session: string, key: string, onGone: (code: Code) => void): Promise<JoinedSession> {
    const { deps, agent } = this.#options;
    return JoinedSession.enter({
      ...deps,
      id: session,
      sessionKey: key,
      agent,
      capacity: 0,
      check: (state) => {
        const works = [...state.runs.values()].some(({ instance }) => instance === agent.instance);
        if (works || this.#options.allows(session)) return;
        throw new PerdureError("forbidden_session", `the token does not cover session ${session}`);
      },
      onLost: (code) => {
        onGone(code);
        this.refuse(session, new PerdureError(code, "the session can no longer be followed here: join it again"));
      },
    });
  }

  #begin(entry: Entry, session: JoinedSession): void {
    const { agent, outgoing, deps } = this.#options;
    if (this.#over || session.over || entry.joined !== undefined) return;
    const { metrics, clock } = deps;
    entry.joined = { session, publishing: new Publishing({ session, agent, outgoing, metrics, clock }) };
    this.#tellState(session);
    session.follow((accepted) => outgoing.sendBytes(recordBytes(session.id, accepted)));
  }

  #tellState(session: JoinedSession): void {
    const { agent, outgoing } = this.#options;
    outgoing.send({ case: "joined", value: stateMessage(session.id, session.held.state, agent) });
  }

  #announceWhere(wanted: (session: JoinedSession) => boolean): void {
    for (const [session, entry] of this.#entries) {
      const joined = entry.joined?.session;
      if (joined === undefined || !wanted(joined)) continue;
      this.#options.deps.announcing.add(entry, () => this.#announceIn(session, entry, joined));
    }
  }

  /** Where the agent has left meanwhile it is not here again. */
  #announceIn(session: string, entry: Entry, joined: JoinedSession): void {
    if (this.#entries.get(session) === entry) this.#arrives(session, this.#announce(session, entry, joined));
  }

  #arrives(session: string, arriving: Promise<unknown>): void {
    const all = Promise.allSettled([this.#arriving.get(session), arriving]);
    this.#arriving.set(session, all);
    void all.then(() => this.#arriving.get(session) === all && this.#arriving.delete(session));
  }

  /** Whom the session refuses is not in it any more. Never throws. */
  async #announce(session: string, entry: Entry, joined: JoinedSession): Promise<void> {
    try {
      await joined.announce();
    } catch (error) {
      // A session that was lost here has said so.
      if (joined.over) return;
      joined.detach();
      this.#lost(session, entry, refusalOf(error).code);
      this.refuse(session, error);
    }
  }

  async #departAll(departure: Departure): Promise<void> {
    this.#over = true;
    const sessions = new Set([...this.#entries.keys(), ...this.#owed.keys()]);
    await Promise.all([...sessions].map((session) => this.#depart(session, departure)));
  }

  /**
   * Waits for every arrival that is under way, since until it is judged nobody is there who could be gone. It is judged as
   * soon as the log takes records again, before which a departure could not be written either, or given up when the session
   * is lost here.
   */
  async #depart(session: string, departure: Departure): Promise<void> {
    const { deps, agent } = this.#options;
    const entry = this.#entries.get(session);
    if (entry === undefined && !this.#owed.has(session)) return;
    this.#entries.delete(session);
    const mark = this.#owe(session);
    const isGone = (): boolean => this.#owed.get(session) === mark;
    await this.#arriving.get(session);
    const joined = await entry?.entered.catch(() => undefined);
    try {
      await writeDeparture(deps, { sessionKey: sessionKey(agent.tenant, session), agent, isGone }, departure);
    } catch (error) {
      this.#notWritten(session, error);
    } finally {
      if (isGone()) this.#owed.delete(session);
      joined?.detach();
    }
  }

  #notWritten(session: string, error: unknown): void {
    this.#options.deps.logger.warn({ session, err: error }, "an agent's presence was not written");
  }

  /** The stream is not in the session any more; where it may go on elsewhere or later, the session may still list it. */
  #lost(session: string, entry: Entry, code: Code): void {
    if (this.#entries.get(session) !== entry) return;
    this.#entries.delete(session);
    if (mayBeListed(code)) this.#owe(session);
  }

  #owe(session: string): symbol {
    const mark = Symbol(session);
    this.#owed.set(session, mark);
    return mark;
  }
}
