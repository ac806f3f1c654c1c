import {
  type Accepted,
  type Agent,
  type Code,
  isCode,
  isHere,
  PerdureError,
  type SessionState,
  type Verdict,
} from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import { type HeldSession, leaveUnjudged, type Replica, type SessionListener } from "@perdure/replica";
import type { Clock, Logger } from "@perdure/service-kit";
import { refusedBy } from "../refusal.ts";
import { actorOf, type AgentIdentity, type NodeIdentity } from "./identity.ts";
import { type NodeEvents, SessionWriter } from "./session-writer.ts";

export interface JoinedSessionOptions {
  readonly id: string;
  readonly replica: Replica;
  readonly sessionKey: string;
  readonly agent: AgentIdentity;
  readonly node: NodeIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs that the instance takes here: its capacity in a pool, else 0. */
  readonly capacity: number;
  /** Throws where the agent may not be in the session. */
  check(state: SessionState): void;
  /** The session can no longer be followed here. */
  onLost(code: Code): void;
}

/** Refusals of an arrival that speak of another state than the one it was written for. */
const MOVED_ON: ReadonlySet<Code> = new Set<Code>(["agent_not_here", "already_exists", "node_expired"]);
const ARRIVAL_TRIES = 3;

/** One session that an agent is in, over one stream: its presence there, and what it may write as itself. */
export class JoinedSession {
  readonly id: string;
  readonly held: HeldSession;
  readonly #options: JoinedSessionOptions;
  readonly #writer: SessionWriter;
  #onAccepted: ((accepted: Accepted) => void) | undefined;
  #announcing: Promise<void> | undefined;
  #over = false;

  /** Enters the session: settles when its presence is recorded. Throws PerdureError: `session_not_found`, `fenced` … */
  static async enter(options: JoinedSessionOptions): Promise<JoinedSession> {
    let tell: Partial<SessionListener> = {};
    const lost: string[] = [];
    const held = await options.replica.attach(options.sessionKey, {
      onAccepted: (accepted) => tell.onAccepted?.(accepted),
      onLost: (code) => {
        lost.push(code);
        tell.onLost?.(code);
      },
    });
    if (lost.length > 0) throw new PerdureError("unavailable", "the session was lost while it was joined");
    const joined = new JoinedSession(options, held);
    tell = {
      onAccepted: (accepted) => joined.#onAccepted?.(accepted),
      onLost: (code) => joined.#lose(isCode(code) ? code : "unavailable"),
    };
    try {
      await joined.announce();
    } catch (error) {
      joined.detach();
      throw error;
    }
    return joined;
  }

  private constructor(options: JoinedSessionOptions, held: HeldSession) {
    this.id = options.id;
    this.held = held;
    this.#options = options;
    this.#writer = new SessionWriter(held, actorOf(options.agent), options.clock);
  }

  get agent(): AgentIdentity {
    return this.#options.agent;
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * Whether the session holds the agent for gone, though not for good, and nothing is on its way that says otherwise. What
   * an earlier stream said may have waited for the log, come after this one's arrival, and ended with that stream; or this
   * one's arrival came under a life of the node that was over by then. To be asked when the agent gives a sign of life on
   * this stream: of one that another has succeeded, the session knows better.
   */
  get isMissed(): boolean {
    if (this.#over || this.#announcing !== undefined) return false;
    const known = this.#known;
    return known !== undefined && !isHere(known) && !this.isFenced;
  }

  /** The session holds the agent's instance for crashed, which is final. */
  get isFenced(): boolean {
    return this.#known?.presence === "AGENT_PRESENCE_CRASHED";
  }

  /** Says that the agent is here on this stream: joined, or resumed where it was here before. Throws what refuses it. */
  announce(): Promise<void> {
    this.#announcing ??= this.#announce().finally(() => {
      this.#announcing = undefined;
    });
    return this.#announcing;
  }

  /** Settles when no arrival is under way: until then nobody may be there who could be gone. */
  async arrived(): Promise<void> {
    await this.#announcing?.catch(() => undefined);
  }

  async #announce(): Promise<void> {
    const { state } = this.held;
    this.#options.check(state);
    if (state.epoch === undefined) {
      throw new PerdureError("session_not_found", `there is no session ${this.id}: create it first`);
    }
    if (this.isFenced) {
      throw new PerdureError("fenced", "the instance was gone for too long: go on as another instance");
    }
    for (let tries = 1; ; tries += 1) {
      const { node } = this.#options;
      let incarnation = node.incarnation;
      try {
        await this.write(() => {
          ({ incarnation } = node);
          return { events: [this.#arrival()] };
        });
        return;
      } catch (error) {
        // A leave or a loss was on its way, or the node's end: look again at what the agent is in the session.
        const code = error instanceof PerdureError ? error.code : undefined;
        if (code === "node_expired") node.declaredOver(incarnation);
        if (code === undefined || !MOVED_ON.has(code)) throw error;
        if (tries === ARRIVAL_TRIES)
          throw new PerdureError("unavailable", `${this.id} moves on too fast`, { cause: error });
      }
    }
  }

  /** What follows is told to `listener` from now on; what was before is in the state. */
  follow(listener: (accepted: Accepted) => void): void {
    this.#onAccepted = listener;
  }

  /** Writes for the agent, in order. Throws PerdureError with the code of a refusal. */
  async write(eventsNow: () => NodeEvents): Promise<Verdict | undefined> {
    const verdict = await this.#writer.write(eventsNow);
    const refused = verdict && refusedBy(verdict);
    if (refused !== undefined) throw refused;
    return verdict;
  }

  detach(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onAccepted = undefined;
    this.held.detach();
  }

  get #known(): Agent | undefined {
    return this.held.state.agents.get(this.#options.agent.instance);
  }

  #arrival(): EventJson {
    const { agent, node, capacity } = this.#options;
    const { instance, attachment } = agent;
    const here = { instance, attachment, node: node.name, incarnation: node.incarnation };
    const known = this.#known;
    if (known !== undefined && known.presence !== "AGENT_PRESENCE_LEFT") return { agentResumed: here };
    return { agentJoined: { ...here, agent: agent.agent, capacity, description: agent.description } };
  }

  #lose(code: Code): void {
    if (this.#over) return;
    this.#over = true;
    this.#onAccepted = undefined;
    if (code === "rules_too_new") this.#leaveUnjudged();
    this.#options.onLost(code);
  }

  /** The loss cannot be written from the state any more; the session hears that this node holds nobody there. */
  #leaveUnjudged(): void {
    const { replica, sessionKey, node, logger } = this.#options;
    const life = { node: node.name, incarnation: node.incarnation };
    leaveUnjudged(replica, life, { sessionKey, seq: this.held.state.seq }).catch((error: unknown) =>
      logger.warn({ session: this.id, err: error }, "it could not be said that nobody is here any more"),
    );
  }
}
