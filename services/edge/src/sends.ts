import { type Code, STATUSES, type Verdict } from "@perdure/core";
import type { AckFrame, AudienceJson, EventJson, RecordJson, SendFrame } from "@perdure/protocol";
import type { HeldSession } from "@perdure/replica";
import type { Grant, Logger } from "@perdure/service-kit";
import { type Refusal, refusalOf, refuse } from "./refusal.ts";

/** A record as a client hands it in: whoever writes it is known from the token alone. */
export interface Draft {
  readonly producer: string;
  readonly number: number;
  readonly born: number;
  readonly epoch?: string;
  readonly audience?: AudienceJson;
  readonly events: readonly EventJson[];
}

export function draftOf({ p, n, born, epoch, au, ev }: SendFrame): Draft {
  return {
    producer: p,
    number: n,
    born,
    events: ev,
    ...(epoch !== undefined && { epoch }),
    ...(au !== undefined && { audience: au }),
  };
}

/** What became of it, as `ack` tells it. */
export type Outcome = Pick<AckFrame, "s" | "expected" | "winner"> & Partial<Refusal>;

/** Presence is the node's to write: it knows which connections there are. */
const NODE_KINDS: ReadonlySet<string> = new Set<keyof EventJson>([
  "memberJoined",
  "memberLeft",
  "nodeExpired",
  "observersCounted",
]);

/**
 * What only the token and the node can judge. All else is judged by the session, since a number that never reaches it
 * leaves a gap behind which nothing of that producer is accepted.
 */
function judgeDraft(draft: Draft, grant: Grant): Refusal | undefined {
  for (const event of draft.events) {
    const kind = Object.keys(event)[0] ?? "";
    if (NODE_KINDS.has(kind)) return refuse("forbidden", `${kind} is written by perdure's own nodes; attach instead.`);
    if (kind === "sessionCreated" && !grant.mayCreate)
      return refuse("forbidden", "This token may not create sessions.");
  }
  return undefined;
}

/** The record with the actor that the token names. */
export function recordOf(draft: Draft, grant: Grant): RecordJson {
  const { producer, number, born, epoch, audience = "AUDIENCE_ALL", events } = draft;
  const { tenant, participant, role } = grant;
  return {
    producer,
    first: number,
    last: number,
    born,
    actor: { tenant, participant, role },
    audience,
    ...(epoch !== undefined && { epoch }),
    events: [...events],
  };
}

/** A refusal that leaves the number to the writer's next record, since the session never saw it. */
export const unjudged = (seq: number, number: number, refusal: Refusal): Outcome => ({
  s: seq,
  ...refusal,
  ...(number > 0 && { expected: number }),
});

/** Writes a record; resolves once the session has judged it, or it is known that it was not stored. Never rejects. */
export async function submit(
  held: HeldSession,
  draft: Draft,
  grant: Grant,
  logger: Pick<Logger, "error">,
): Promise<Outcome> {
  const refusal = judgeDraft(draft, grant);
  if (refusal !== undefined) return unjudged(held.state.seq, draft.number, refusal);
  const { stored, applied } = held.publish(recordOf(draft, grant));
  try {
    return outcomeOf(await Promise.race([applied, stored.then(() => applied)]));
  } catch (error) {
    const refused = refusalOf(error, logger);
    const { seq } = held.state;
    // What passes is sent again under its number; else the log has no record of that number, and never will.
    return refused.retryAfterMs === undefined ? unjudged(seq, draft.number, refused) : { s: seq, ...refused };
  }
}

function outcomeOf(verdict: Verdict): Outcome {
  switch (verdict.kind) {
    case "accepted":
    case "passed":
      return { s: verdict.seq };
    case "duplicate":
      return { s: verdict.seq, ...(verdict.code !== undefined && told(verdict.code)) };
    case "rejected": {
      const { seq, code, expected, winner } = verdict;
      return { s: seq, ...told(code), ...(expected !== undefined && { expected }), ...(winner && { winner }) };
    }
  }
}

const told = (code: Code): Refusal => ({ code, message: STATUSES[code].meaning });
