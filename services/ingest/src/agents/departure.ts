import { type Code, isAlive, isHere, type SessionState } from "@perdure/core";
import type { EventJson, LostReasonJson } from "@perdure/protocol";
import type { Replica } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";
import { refusalOf } from "../refusal.ts";
import type { AgentIdentity, NodeIdentity } from "./identity.ts";
import { systemActor } from "./identity.ts";
import { SessionWriter } from "./session-writer.ts";

export interface DepartureOptions {
  readonly replica: Pick<Replica, "attach">;
  readonly node: Pick<NodeIdentity, "name">;
  readonly clock: Clock;
}

/** How an agent's stream ended for a session: it broke, or the agent said that it leaves, with its reason. */
export type Departure = { readonly lost: LostReasonJson } | { readonly left: string };

/** One session, the agent as its stream entered it, and whether it is still gone from there. */
export interface Departed {
  readonly sessionKey: string;
  readonly agent: AgentIdentity;
  /** False: it came back over the same stream, and there is nothing to say any more. */
  readonly isGone?: () => boolean;
}

/** Why an agent's hold on a session ends while the session goes on as it was, with everybody who is listed in it. */
const MAY_BE_LISTED: ReadonlySet<Code> = new Set<Code>(["catching_up", "unavailable"]);

/** Whether a session that was lost here, or could not be entered, for this reason may list the agent all the same. */
export const mayBeListed = (code: Code): boolean => MAY_BE_LISTED.has(code);

const RETRY_MS = 250;
const MAX_RETRY_MS = 5_000;

/**
 * Records in one session that an agent is gone, unless another stream of the process has taken its place or it is known.
 * Needs nothing of the stream's own hold on the session, which may have been lost before. Tried again for as long as the
 * node lives: the lease of a node that lives says nothing about its agents, so that what it does not say nobody ever
 * would. Throws PerdureError where trying again does not help.
 */
export async function writeDeparture(
  options: DepartureOptions,
  departed: Departed,
  departure: Departure,
): Promise<void> {
  for (let waitMs = RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
    try {
      if (await tryDeparture(options, departed, departure)) return;
    } catch (error) {
      const refused = refusalOf(error);
      // Of a session whose rules this node does not know it has said already that nobody is there.
      if (refused.retryAfterMs === undefined || refused.code === "rules_too_new") throw refused;
      const delayMs = Math.max(waitMs, refused.retryAfterMs);
      await new Promise<void>((resolve) => void options.clock.after(delayMs, resolve));
    }
  }
}

/** True: there is nothing left to say. False: the state moved on meanwhile, look again. */
async function tryDeparture(
  { replica, node, clock }: DepartureOptions,
  { sessionKey, agent, isGone = () => true }: Departed,
  departure: Departure,
): Promise<boolean> {
  if (!isGone()) return true;
  const held = await replica.attach(sessionKey, { onAccepted: () => undefined, onLost: () => undefined });
  try {
    const writer = new SessionWriter(held, systemActor(agent.tenant, node), clock);
    const verdict = await writer.write(() => (isGone() ? eventsOf(held.state, agent, departure) : undefined));
    return verdict?.kind !== "rejected" || verdict.code !== "stale_cause";
  } finally {
    held.detach();
  }
}

function eventsOf(state: SessionState, { instance, attachment }: AgentIdentity, departure: Departure) {
  const known = state.agents.get(instance);
  // Who is lost already may still leave.
  const isListed = "lost" in departure ? isHere(known) : isAlive(known);
  if (known?.attachment !== attachment || !isListed) return undefined;
  const event: EventJson =
    "lost" in departure
      ? { agentLost: { instance, attachment, reason: departure.lost } }
      : { agentLeft: { instance, reason: departure.left } };
  return { events: [event], causeSeq: known.changed };
}
