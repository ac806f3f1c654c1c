import { type Code, isCode } from "./codes.ts";
import type { Producer, Refusal, SessionState } from "./state.ts";

/** Who wrote a record, and which of its numbers it has. */
export interface Writer {
  readonly participant: string;
  readonly producer: string;
  readonly first: number;
  readonly last: number;
  /** Seq the producer had seen when it was made. */
  readonly born: number;
}

/** What the ledger says of a record before it is judged. */
export type Standing =
  /** Its numbers are next. `overlaps`: some of them were seen before, as merged appends may. */
  | { readonly kind: "next"; readonly overlaps: boolean; readonly refused: Code | undefined }
  /** All its numbers were judged before; `code`: the refusal among them. */
  | { readonly kind: "duplicate"; readonly code: Code | undefined }
  | { readonly kind: "rejected"; readonly code: Code; readonly expected?: number };

const rejected = (code: Code): Standing => ({ kind: "rejected", code });

/** Looks a record's numbers up. `mergeable`: it is an append, which alone may overlap what was seen. */
export function standingOf(state: SessionState, writer: Writer, mergeable: boolean): Standing {
  const producer = state.ledger.producers.get(writer.producer);
  if (producer === undefined) return standingOfNew(state, writer);
  if (producer.participant !== writer.participant) return rejected("producer_conflict");
  const { first, last } = writer;
  if (first > producer.last + 1) return { kind: "rejected", code: "producer_gap", expected: producer.last + 1 };
  if (first === producer.last + 1) return { kind: "next", overlaps: false, refused: undefined };
  if (first <= producer.last - state.limits.producerWindow) return rejected("producer_expired");
  if (last <= producer.last) return { kind: "duplicate", code: refusalAmong(producer.refused, first, last) };
  if (!mergeable) return rejected("producer_conflict");
  return { kind: "next", overlaps: true, refused: refusalAmong(producer.refused, first, producer.last) };
}

function standingOfNew(state: SessionState, { first, born }: Writer): Standing {
  // A writer that has seen more than there is means another life of the name.
  if (state.epoch !== undefined && born > state.seq) return rejected("session_replaced");
  if (born < state.ledger.floor) return rejected("producer_expired");
  if (first !== 1) return { kind: "rejected", code: "producer_gap", expected: 1 };
  return { kind: "next", overlaps: false, refused: undefined };
}

function refusalAmong(refused: readonly Refusal[], first: number, last: number): Code | undefined {
  const code = refused.findLast((range) => range.first <= last && range.last >= first)?.code;
  return code === undefined || isCode(code) ? code : "internal";
}

/** Takes note of what was judged. `code`: why it was refused. */
export function noteVerdict(state: SessionState, writer: Writer, code: Code | undefined): void {
  const { ledger } = state;
  const { id, producer } = freshest(state, writer);
  const first = producer.last + 1;
  producer.last = writer.last;
  producer.seq = state.seq;
  if (code !== undefined) ledger.refusals += noteRefusal(producer.refused, first, writer.last, code);
  ledger.refusals -= forgetRefusals(producer.refused, producer.last - state.limits.producerWindow);
  if (ledger.producers.size > state.limits.producers || ledger.refusals > state.limits.refusals) evict(state, id);
}

// The map is in order of last use. With one busy writer, as while an agent streams, nothing moves.
function freshest(state: SessionState, writer: Writer): { id: string; producer: Producer } {
  const { producers } = state.ledger;
  const { producer: id, participant } = writer;
  const producer = producers.get(id) ?? { id, participant, last: 0, seq: 0, refused: [] };
  if (state.latestProducer !== producer) {
    producers.delete(id);
    producers.set(id, producer);
    state.latestProducer = producer;
  }
  return { id, producer };
}

/** Returns by how many ranges the list grew. */
function noteRefusal(refused: Refusal[], first: number, last: number, code: Code): number {
  const before = refused.at(-1);
  if (before?.code === code && before.last + 1 === first) {
    before.last = last;
    return 0;
  }
  refused.push({ first, last, code });
  return 1;
}

/** Forgets the refusals of numbers up to this one. Returns by how many ranges the list shrank. */
function forgetRefusals(refused: Refusal[], upTo: number): number {
  let gone = 0;
  while (refused[gone] !== undefined && (refused[gone]?.last ?? 0) <= upTo) gone += 1;
  if (gone > 0) refused.splice(0, gone);
  const oldest = refused[0];
  if (oldest !== undefined && oldest.first <= upTo) oldest.first = upTo + 1;
  return gone;
}

/** Forgets the writers that were silent for longest, but never this one. */
function evict(state: SessionState, latest: string): void {
  const { ledger, limits } = state;
  for (const [id, producer] of ledger.producers) {
    if (id === latest || (ledger.producers.size <= limits.producers && ledger.refusals <= limits.refusals)) return;
    ledger.producers.delete(id);
    ledger.refusals -= producer.refused.length;
    ledger.floor = Math.max(ledger.floor, producer.seq);
  }
}
