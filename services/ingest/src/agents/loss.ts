import { isHere, type SessionState } from "@perdure/core";
import type { EventJson, LostReasonJson } from "@perdure/protocol";
import type { Replica } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";
import { refusalOf } from "../refusal.ts";
import type { AgentIdentity, NodeIdentity } from "./identity.ts";
import { systemActor } from "./identity.ts";
import { SessionWriter } from "./session-writer.ts";

export interface LossOptions {
  readonly replica: Pick<Replica, "attach">;
  readonly node: NodeIdentity;
  readonly clock: Clock;
}

const RETRY_MS = 250;
const MAX_RETRY_MS = 5_000;

/**
 * Records in one session that an agent's stream is gone, unless another stream of the process has taken its place or the
 * loss is known. Tried again for as long as the node lives: the lease of a node that lives says nothing about its agents,
 * so that what it does not say nobody ever would. Throws PerdureError where trying again does not help.
 */
export async function writeLoss(
  options: LossOptions,
  sessionKey: string,
  agent: AgentIdentity,
  reason: LostReasonJson,
): Promise<void> {
  for (let waitMs = RETRY_MS; ; waitMs = Math.min(2 * waitMs, MAX_RETRY_MS)) {
    try {
      if (await tryLoss(options, sessionKey, agent, reason)) return;
    } catch (error) {
      const refused = refusalOf(error);
      if (refused.retryAfterMs === undefined) throw refused;
      const delayMs = Math.max(waitMs, refused.retryAfterMs);
      await new Promise<void>((resolve) => void options.clock.after(delayMs, resolve));
    }
  }
}

/** True: there is nothing left to say. False: the state moved on meanwhile, look again. */
async function tryLoss(
  { replica, node, clock }: LossOptions,
  sessionKey: string,
  agent: AgentIdentity,
  reason: LostReasonJson,
): Promise<boolean> {
  const held = await replica.attach(sessionKey, { onAccepted: () => undefined, onLost: () => undefined });
  try {
    const writer = new SessionWriter(held, systemActor(agent.tenant, node), clock);
    const verdict = await writer.write(() => lossEvents(held.state, agent, reason));
    return verdict?.kind !== "rejected" || verdict.code !== "stale_cause";
  } finally {
    held.detach();
  }
}

function lossEvents(state: SessionState, { instance, attachment }: AgentIdentity, reason: LostReasonJson) {
  const known = state.agents.get(instance);
  if (known === undefined || known.attachment !== attachment || !isHere(known)) return undefined;
  const events: EventJson[] = [{ agentLost: { instance, attachment, reason } }];
  return { events, causeSeq: known.changed };
}
