import { isHere, type SessionState } from "@perdure/core";
import type { EventJson, LostReasonJson } from "@perdure/protocol";
import type { Replica } from "@perdure/replica";
import type { Clock } from "@perdure/service-kit";
import { refusalOf } from "../refusal.ts";
import type { AgentIdentity, NodeIdentity } from "./identity.ts";
import { systemActor } from "./identity.ts";
import { SessionWriter } from "./session-writer.ts";

export interface LossOptions {
  readonly replica: Replica;
  readonly node: NodeIdentity;
  readonly clock: Clock;
  /** After this long the keeper, which watches the node's lease or the session's policy, has the word. */
  readonly withinMs: number;
}

const RETRY_MS = 250;

/**
 * Records in one session that an agent's stream is gone, unless another stream of the process has taken its place or the
 * loss is known. Throws PerdureError where the session cannot be reached within the time.
 */
export async function writeLoss(
  options: LossOptions,
  sessionKey: string,
  agent: AgentIdentity,
  reason: LostReasonJson,
): Promise<void> {
  const until = options.clock.now() + options.withinMs;
  for (;;) {
    try {
      if (await tryLoss(options, sessionKey, agent, reason)) return;
    } catch (error) {
      const refused = refusalOf(error);
      if (refused.retryAfterMs === undefined || options.clock.now() >= until) throw refused;
      await new Promise<void>((resolve) => void options.clock.after(refused.retryAfterMs ?? RETRY_MS, resolve));
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
