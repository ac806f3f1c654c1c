import type { HeadJson, ProducerStateJson } from "@perdure/protocol";
import { type Limits, LIMITS } from "./limits.ts";
import { newSession } from "./new-session.ts";
import { readHead } from "./read-head.ts";
import type { SessionState } from "./state.ts";

/** The state that a head describes, whole or as a client gets it. What the head does not say has its default. */
export function fromHead(head: HeadJson, limits: Limits = LIMITS): SessionState {
  const state = newSession(limits);
  readHead(state, head);
  readLedger(state, head);
  return state;
}

function readLedger(state: SessionState, { ledger }: HeadJson): void {
  state.ledger.floor = ledger?.floor ?? 0;
  for (const json of ledger?.producers ?? []) readProducer(state, json);
}

function readProducer(state: SessionState, { key = "", last = 0, seq = 0, refused = [] }: ProducerStateJson): void {
  const slash = key.lastIndexOf("/");
  const id = key.slice(slash + 1);
  const ranges = refused.map(({ number = 0, last: end = number, code = "" }) => ({
    first: number,
    last: end,
    code,
  }));
  const producer = { id, participant: key.slice(0, Math.max(slash, 0)), last, seq, refused: ranges };
  state.ledger.producers.set(id, producer);
  state.ledger.refusals += ranges.length;
  state.latestProducer = producer;
}
