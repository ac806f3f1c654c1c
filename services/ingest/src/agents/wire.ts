import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { type Accepted, type PerdureError, project, type SessionState, type Verdict } from "@perdure/core";
import {
  type AgentSessionState,
  AgentSessionStateSchema,
  type AgentVerdict,
  AgentVerdictSchema,
  encodeHeard,
  HeadSchema,
  LedgerSchema,
  type LedgerJson,
  type Record as WireRecord,
  type RecordJson,
  RecordSchema,
} from "@perdure/protocol";
import type { AgentIdentity } from "./identity.ts";

/** A session's state as its agents see it, and what is known of this instance's writers. */
export function stateMessage(session: string, state: SessionState, agent: AgentIdentity): AgentSessionState {
  return create(AgentSessionStateSchema, {
    session,
    head: fromJson(HeadSchema, project(state, "agents")),
    producers: fromJson(LedgerSchema, writersOf(state, agent)),
  });
}

/** Writers whose id begins with the instance's. */
function writersOf({ ledger }: SessionState, { instance }: AgentIdentity): LedgerJson {
  const own = [...ledger.producers.values()].filter(({ id }) => id.startsWith(instance));
  const producers = own.map(({ id, participant, last, seq, refused }) => ({
    key: `${participant}/${id}`,
    last,
    seq,
    refused: refused.map((range) => ({ number: range.first, last: range.last, code: range.code })),
  }));
  return { producers, floor: ledger.floor };
}

/** An accepted record, as agents hear it: the bytes of a response. */
export function recordBytes(session: string, accepted: Accepted): Uint8Array {
  const { seq, count, timeMs, producer, number, actor, attempt, audience, events } = accepted;
  const record: RecordJson = { producer, first: number, last: number, actor, attempt, audience, events: [...events] };
  return encodeHeard({ session, seq, count, timeMs, record });
}

export const recordJson = (record: WireRecord): RecordJson => toJson(RecordSchema, record);

/** The answer to one sending of a record: what the session decided about it. */
export function verdictMessage(session: string, record: RecordJson, verdict: Verdict): AgentVerdict {
  const { producer = "", first = 0, last = 0 } = record;
  const known = { session, producer, first, last, seq: verdict.seq };
  if (verdict.kind === "rejected") {
    const { code, winner = "" } = verdict;
    // A session looks at no number of a malformed record, and goes on waiting for it.
    const { expected = code === "invalid_record" ? first : 0 } = verdict;
    return create(AgentVerdictSchema, { ...known, code, expected, winner });
  }
  return create(AgentVerdictSchema, {
    ...known,
    ...(verdict.kind === "duplicate" && { duplicate: true, code: verdict.code ?? "" }),
  });
}

/** The answer where the record did not get as far as the session. Unless that passes, its number is still to be used. */
export function refusalMessage(session: string, record: RecordJson, error: PerdureError): AgentVerdict {
  const { producer = "", first = 0, last = 0 } = record;
  const { code, retryAfterMs = 0 } = error;
  const expected = retryAfterMs > 0 ? 0 : first;
  return create(AgentVerdictSchema, { session, producer, first, last, code, retryAfterMs, expected });
}
