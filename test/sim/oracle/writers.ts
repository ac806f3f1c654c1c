import type { Verdict } from "@perdure/core";
import { COUNTER } from "../cluster/desk.ts";
import type { Recorder, Told } from "../cluster/recorder.ts";
import type { Findings } from "./findings.ts";
import type { History, Judged } from "./history.ts";

/** One writer of a session, as its records stand in the log. */
interface Writer {
  /** The highest number that was judged. */
  last: number;
  /** By number: the code, or undefined where it was accepted. */
  readonly outcomes: Map<number, string | undefined>;
}

/** Refusals that use no number. */
const UNNUMBERED = new Set([
  "producer_gap",
  "producer_conflict",
  "producer_expired",
  "invalid_record",
  "session_replaced",
]);

/** Once, in order: a ledger of its own, without windows or caps, says which records may have counted. */
export function checkLedger({ sessionKey, judged }: History, findings: Findings): Map<string, Writer> {
  const writers = new Map<string, Writer>();
  for (const each of judged) {
    const { producer = "", first = 0, last = 0 } = each.record;
    if (first === 0) continue;
    const writer = writers.get(producer) ?? { last: 0, outcomes: new Map() };
    writers.set(producer, writer);
    const fault = faultOf(each, writer, first, last);
    if (fault !== undefined)
      findings.add("once, in order", `${sessionKey}@${each.offset} ${producer}:${first}: ${fault}`);
    note(each.verdict, writer, last);
  }
  return writers;
}

function faultOf({ verdict, record }: Judged, writer: Writer, first: number, last: number): string | undefined {
  const { kind } = verdict;
  const mayMerge = record.events?.[0]?.partAppended !== undefined;
  if (kind === "accepted") {
    if (first > writer.last + 1) return `accepted, though ${writer.last + 1} is missing`;
    if (last <= writer.last) return "accepted again";
    if (first <= writer.last && !mayMerge) return "accepted, though part of it was judged before";
  }
  if (kind === "duplicate") {
    if (last > writer.last) return "called a duplicate, though it is new";
    const code = overlapCode(writer, first, last);
    if (verdict.code !== code) return `told ${verdict.code ?? "accepted"}, and was told ${code ?? "accepted"} before`;
  }
  if (kind === "rejected" && verdict.code === "producer_gap" && verdict.expected !== writer.last + 1) {
    return `told that ${verdict.expected} is next, and ${writer.last + 1} is`;
  }
  return undefined;
}

function overlapCode(writer: Writer, first: number, last: number): string | undefined {
  for (let number = last; number >= first; number -= 1) {
    const code = writer.outcomes.get(number);
    if (code !== undefined) return code;
  }
  return undefined;
}

function note(verdict: Verdict, writer: Writer, last: number): void {
  const counts = verdict.kind === "accepted" || (verdict.kind === "rejected" && !UNNUMBERED.has(verdict.code));
  if (!counts) return;
  const code = verdict.kind === "rejected" ? verdict.code : undefined;
  for (let number = writer.last + 1; number <= last; number += 1) writer.outcomes.set(number, code);
  writer.last = Math.max(writer.last, last);
}

/** Kept: what a writer was told is what the log says. */
export function checkTold(
  told: readonly Told[],
  writersOf: ReadonlyMap<string, ReadonlyMap<string, Writer>>,
  findings: Findings,
): void {
  for (const { sessionKey, producer, number, verdict } of told) {
    const outcomes = writersOf.get(sessionKey)?.get(producer)?.outcomes;
    const known = outcomes?.has(number) === true;
    const code = outcomes?.get(number);
    const wasTold = toldAs(verdict);
    if (wasTold === undefined) continue;
    const is = known ? (code ?? "accepted") : "not judged";
    if (is !== wasTold)
      findings.add("kept", `${producer}:${number} in ${sessionKey} was told ${wasTold}, and the log says ${is}`);
  }
}

/** Undefined: it was told nothing of the record itself. */
function toldAs(verdict: Verdict): string | undefined {
  if (verdict.kind === "accepted") return "accepted";
  if (verdict.kind === "duplicate") return verdict.code ?? "accepted";
  if (verdict.kind === "rejected" && !UNNUMBERED.has(verdict.code)) return verdict.code;
  return undefined;
}

/** Kept and once: a message that its sender was told is there is there, and once. */
/** Kept, one winner: a document that is only counted up says no less than was told, and no more than was asked for. */
export function checkCounts({ counts }: Recorder, histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const [key, { told, asked }] of counts) {
    const documents = [...(histories.get(key)?.state.documents.values() ?? [])];
    const count = Number(documents.find(({ name }) => name === COUNTER)?.content ?? 0);
    if (count < told || count > asked)
      findings.add(
        "kept",
        `the counter of ${key} says ${count}; ${told} were told that they count, and ${asked} were asked for`,
      );
  }
}

export function checkSent({ sent }: Recorder, histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const { sessionKey, text, outcome, messageId, person } of sent) {
    const holding = (histories.get(sessionKey)?.judged ?? []).filter(
      ({ accepted }) => accepted?.events.some(({ partOpened }) => partOpened?.part?.text === text) === true,
    );
    const says = `what ${person} said in ${sessionKey} ("${text.slice(0, 12)}")`;
    if (holding.length > 1) findings.add("once", `${says} is there ${holding.length} times`);
    if (outcome !== "accepted") continue;
    const [first] = holding;
    if (first === undefined) findings.add("kept", `${says} was told to be accepted and is not there`);
    else if (!messageId?.startsWith(`${first.record.producer}:`)) findings.add("kept", `${says} has another id`);
  }
}
