import { randomUUID } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { isHere, PerdureError } from "@perdure/core";
import { AgentProgressSchema, type EventJson, type ReportPresenceRequest } from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import type { AgentDeps } from "../agents/deps.ts";
import type { AgentIdentity } from "../agents/identity.ts";
import { JoinedSession } from "../agents/joined-session.ts";
import { mayBeListed, writeDeparture } from "../agents/departure.ts";
import { refusalOf } from "../refusal.ts";
import { coveredKey } from "./grants.ts";

const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 600_000;

interface Entry {
  readonly name: string;
  readonly sessionKey: string;
  readonly agent: AgentIdentity;
  readonly entered: Promise<JoinedSession>;
  cancelEnd: () => void;
}

/** Agents that hold no stream and report from time to time: here as long as the next report comes in time. */
export class ReportedAgents {
  readonly #deps: AgentDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: AgentDeps) {
    this.#deps = deps;
  }

  /** Takes a report. Throws PerdureError. */
  async report(request: ReportPresenceRequest, grant: Grant): Promise<{ seq: number }> {
    const { session, agent, instance, ttlMs, progress, attempt } = request;
    const key = coveredKey(grant, session);
    if (!grant.allowsAgent(agent)) throw new PerdureError("forbidden", `the token may not work as agent ${agent}`);
    if (ttlMs < MIN_TTL_MS || ttlMs > MAX_TTL_MS) {
      throw new PerdureError("invalid_event", `ttl_ms must be ${MIN_TTL_MS} to ${MAX_TTL_MS}`);
    }
    const { tenant, participant } = grant;
    const attachment = randomUUID();
    const identity = { tenant, participant, agent, instance, attachment, capacity: 0, description: "" };
    const joined = await this.#enter(session, key, identity, ttlMs);
    // The node's life was declared over meanwhile, say, and everybody here with it.
    if (!isHere(joined.held.state.agents.get(instance))) await joined.announce();
    if (progress !== undefined) {
      const events: EventJson[] = [{ agentProgress: toJson(AgentProgressSchema, progress) }];
      await joined.write(() => ({ events, attempt }));
    }
    return { seq: joined.held.state.seq };
  }

  /** Forgets everybody; who reports elsewhere in time is not lost. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    for (const { cancelEnd, entered } of entries) {
      cancelEnd();
      (await entered.catch(() => undefined))?.detach();
    }
  }

  async #enter(session: string, sessionKey: string, agent: AgentIdentity, ttlMs: number): Promise<JoinedSession> {
    const name = JSON.stringify([sessionKey, agent.participant, agent.instance]);
    const entry = this.#entries.get(name) ?? this.#join(name, session, sessionKey, agent);
    this.#entries.set(name, entry);
    entry.cancelEnd();
    entry.cancelEnd = this.#deps.clock.after(ttlMs, () => void this.#end(entry));
    try {
      return await entry.entered;
    } catch (error) {
      this.#forget(entry);
      if (!mayBeListed(refusalOf(error).code)) entry.cancelEnd();
      throw error;
    }
  }

  #join(name: string, session: string, sessionKey: string, agent: AgentIdentity): Entry {
    const entered = JoinedSession.enter({
      ...this.#deps,
      id: session,
      sessionKey,
      agent,
      capacity: 0,
      check: () => undefined,
      onLost: () => this.#forget(entry),
    });
    const entry: Entry = { name, sessionKey, agent, entered, cancelEnd: () => undefined };
    return entry;
  }

  /** The next report enters again; where none comes in time, the session is told as it would have been. */
  #forget(entry: Entry): void {
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
  }

  async #end(entry: Entry): Promise<void> {
    this.#forget(entry);
    const { sessionKey, agent, entered } = entry;
    const joined = await entered.catch(() => undefined);
    await joined?.arrived();
    try {
      await writeDeparture(this.#deps, { sessionKey, agent }, { lost: "LOST_REASON_SILENT" });
    } catch (error) {
      this.#deps.logger.warn({ session: sessionKey, err: error }, "an agent's loss was not written");
    } finally {
      joined?.detach();
    }
  }
}
