import type { EventJson, RecordJson } from "@perdure/protocol";
import type { Accepted, FoldResult, Position, Refused, Verdict } from "./api.ts";
import { isAlive } from "./apply/agents.ts";
import { applyKind, eventKind } from "./apply/table.ts";
import { covers, levelOf } from "./audience.ts";
import type { Code } from "./codes.ts";
import type { JudgedContext } from "./context.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";
import { trimAppend } from "./judge/parts.ts";
import type { Refusal } from "./judge/reasons.ts";
import { judgeEvent } from "./judge/table.ts";
import { noteVerdict, type Standing, standingOf } from "./ledger.ts";
import { RULE_BOOK, type RuleBook, type Rules, rulesOf } from "./rules.ts";
import { rulesVersionFor } from "./rules-version.ts";
import { shed } from "./shed.ts";
import type { SessionState } from "./state.ts";
import { beginUndo, endUndo } from "./undo.ts";

const noPages: FoldResult["pages"] = [];
const seqMax = 0xffff_ffff;

/**
 * Judges a record at its position in the log and, where it is accepted, applies it. Changes `state` in place. Reads no
 * clock: time comes with the position. Throws PerdureError `rules_too_new` where the session follows later rules than
 * `book` has, and nothing else, whatever the record holds; then nothing has changed.
 */
export function fold(
  state: SessionState,
  record: RecordJson,
  position: Position,
  book: RuleBook = RULE_BOOK,
): FoldResult {
  const events = record.events ?? [];
  const rules = rulesOf(book, rulesVersionFor(state, events));
  state.covered = Math.max(state.covered, position.offset);
  state.timeMs = Math.max(state.timeMs, position.timeMs);
  const envelope = readEnvelope(record, state.limits);
  if (envelope === undefined) return refusal(state, "invalid_record");
  if (envelope.first === 0) return pass(state, envelope, events, rules);
  const standing = standingOf(state, envelope, isAppend(events));
  if (standing.kind !== "next") return { verdict: verdictOf(state, standing), pages: noPages };
  return judge(state, envelope, events, standing, position.offset, rules);
}

const isAppend = (events: readonly EventJson[]): boolean =>
  events.length === 1 && events[0]?.partAppended !== undefined;

function verdictOf(state: SessionState, standing: Exclude<Standing, { kind: "next" }>): Verdict {
  const { seq } = state;
  const { code } = standing;
  if (standing.kind === "rejected") {
    return { kind: "rejected", code: standing.code, seq, ...expectedOf(standing.expected) };
  }
  return code === undefined ? { kind: "duplicate", seq } : { kind: "duplicate", seq, code };
}

const expectedOf = (expected: number | undefined): Pick<Refused, "expected"> =>
  expected === undefined ? {} : { expected };

function refusal(state: SessionState, reason: Refusal): FoldResult {
  const { seq } = state;
  const verdict: Refused =
    typeof reason === "string" ? { kind: "rejected", code: reason, seq } : { kind: "rejected", ...reason, seq };
  return { verdict, pages: noPages };
}

function judge(
  state: SessionState,
  envelope: Envelope,
  events: readonly EventJson[],
  { overlaps, refused }: Extract<Standing, { kind: "next" }>,
  offset: number,
  rules: Rules,
): FoldResult {
  const context = contextOf(state, envelope, overlaps, offset, rules);
  const begins = state.epoch === undefined;
  const outcome = refused ?? admit(state, envelope, events) ?? applyAll(state, events, context);
  if (!Array.isArray(outcome)) {
    noteVerdict(state, envelope, typeof outcome === "string" ? outcome : outcome.code);
    return refusal(state, outcome);
  }
  const first = state.seq + 1;
  state.seq += outcome.length;
  noteVerdict(state, envelope, undefined);
  const accepted: Accepted = acceptedOf(state, envelope, first, outcome);
  return {
    verdict: { kind: "accepted", first, seq: state.seq },
    accepted: begins && state.epoch !== undefined ? { ...accepted, epoch: state.epoch } : accepted,
    pages: shed(state),
  };
}

const contextOf = (
  state: SessionState,
  envelope: Envelope,
  overlaps: boolean,
  offset: number,
  rules: Rules,
): JudgedContext => ({
  producer: envelope.producer,
  number: envelope.first,
  index: 0,
  seq: state.seq + 1,
  timeMs: state.timeMs,
  actor: envelope.actor,
  attempt: envelope.attempt,
  audience: envelope.audience,
  causeSeq: envelope.causeSeq,
  epoch: offset,
  overlaps,
  rules,
});

const acceptedOf = (
  { timeMs }: SessionState,
  { producer, first: number, actor, attempt, audience }: Envelope,
  seq: number,
  events: readonly EventJson[],
): Accepted => ({ seq, count: events.length, timeMs, producer, number, actor, attempt, audience, events });

/** Judges what all events of a record share: the life, the writer, its level and its attempt. */
function admit(state: SessionState, envelope: Envelope, events: readonly EventJson[]): Code | undefined {
  const { actor, audience, epoch } = envelope;
  if (epoch !== undefined && state.epoch !== undefined && epoch !== state.epoch) return "session_replaced";
  if (isRemoved(state, envelope) && !events.every(isLeaving)) return "participant_removed";
  if (!covers(levelOf(actor.role), audience)) return "forbidden_audience";
  if (state.seq + events.length > seqMax) return "session_full";
  return envelope.attempt === 0 ? undefined : judgeAttempt(state, envelope);
}

const isRemoved = (state: SessionState, { actor, participant }: Envelope): boolean =>
  actor.role !== "ROLE_SYSTEM" && state.participants.get(participant)?.removed === true;

/** What the connection of a removed participant still has to say. */
const isLeaving = ({ memberLeft, agentLeft }: EventJson): boolean =>
  memberLeft !== undefined || agentLeft !== undefined;

/** A run's attempt writes as long as it is the latest, under way, and its instance has not crashed or left. */
function judgeAttempt(state: SessionState, { attempt, actor, participant }: Envelope): Code | undefined {
  if (actor.role !== "ROLE_AGENT") return "forbidden";
  const run = state.attempts.get(attempt);
  const own = run !== undefined && run.instance === actor.instance && run.agentParticipant === participant;
  return own && isAlive(state.agents.get(run.instance)) ? undefined : "fenced";
}

/** Judges and applies the events one after another; where one is refused, nothing has happened. */
function applyAll(state: SessionState, events: readonly EventJson[], context: JudgedContext): Refusal | EventJson[] {
  if (events.length > 1) beginUndo(state);
  // As long as it will be: one that grew by pushing would hold room for 17, in each record that is kept.
  const applied = [...events];
  for (const event of events) {
    const result = applyNext(state, event, context);
    if (typeof result === "string" || "winner" in result) {
      endUndo(state, false);
      return result;
    }
    applied[context.index] = result.event;
    context.index += 1;
    context.seq += 1;
  }
  endUndo(state, true);
  return applied;
}

function applyNext(
  state: SessionState,
  event: EventJson,
  context: JudgedContext,
): Refusal | { readonly event: EventJson } {
  const kind = eventKind(event);
  if (kind === undefined) return "unknown_kind";
  if (kind === "transient") return "invalid_event";
  const reason = judgeEvent(state, kind, event, context);
  if (reason !== undefined) return reason;
  const settled = rewrite(state, event);
  if (settled[kind] !== undefined) applyKind(state, kind, settled, context);
  return { event: settled };
}

/** What of the event is new. An event that says nothing new stays as an empty one, so that the others keep their index. */
function rewrite(state: SessionState, event: EventJson): EventJson {
  const { partAppended, usageReported } = event;
  if (partAppended !== undefined) {
    const trimmed = trimAppend(state, partAppended);
    return trimmed === partAppended ? event : { partAppended: trimmed };
  }
  const counted = usageReported?.responseId;
  return counted !== undefined && state.responseIds.has(counted) ? {} : event;
}

/** Ephemeral records go to whoever is here: they take no seq and change nothing. */
function pass(state: SessionState, envelope: Envelope, events: readonly EventJson[], rules: Rules): FoldResult {
  const context = contextOf(state, envelope, false, state.covered, rules);
  const refused = admit(state, envelope, events) ?? judgePassing(state, events, context);
  if (refused !== undefined) return refusal(state, refused);
  const { seq } = state;
  return { verdict: { kind: "passed", seq }, accepted: acceptedOf(state, envelope, 0, events), pages: noPages };
}

function judgePassing(state: SessionState, events: readonly EventJson[], context: JudgedContext): Refusal | undefined {
  for (const event of events) {
    if (eventKind(event) !== "transient") return "invalid_event";
    const reason = judgeEvent(state, "transient", event, context);
    if (reason !== undefined) return reason;
  }
  return undefined;
}
