import type { Accepted } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

/** A run as these rules know it: less than the fold, and without its code. */
interface RunModel {
  attempt: number;
  instance: string;
  ended: boolean;
}

interface PoolModel {
  offeredTo: string | undefined;
  takenBy: string | undefined;
}

const DERIVED = [
  "nodeExpired",
  "agentLost",
  "agentCrashed",
  "runOrphaned",
  "requestExpired",
  "poolQueued",
  "poolOffered",
];
const ENDS = ["runCompleted", "runFailed", "runCancelled"] as const;

/** What must hold of accepted events, whatever made them so: fencing, one winner, offers, who writes what. */
class Rules {
  readonly #key: string;
  readonly #findings: Findings;
  readonly #runs = new Map<string, RunModel>();
  readonly #byAttempt = new Map<number, RunModel>();
  readonly #crashed = new Set<string>();
  readonly #answered = new Set<string>();
  readonly #pool = new Map<string, PoolModel>();
  readonly #expired = new Map<string, number>();
  #hasFloor = false;
  #isSpent = false;
  readonly #members = new Set<string>();
  #next = 1;

  constructor(key: string, findings: Findings) {
    this.#key = key;
    this.#findings = findings;
  }

  take(accepted: Accepted, offset: number): void {
    if (accepted.seq === 0) return;
    const at = `${this.#key}@${offset}`;
    if (accepted.seq !== this.#next)
      this.#findings.add("dense", `${at} has seq ${accepted.seq}, and ${this.#next} is next`);
    this.#next = accepted.seq + accepted.count;
    this.#checkAttempt(accepted, at);
    for (const [index, event] of accepted.events.entries()) this.#event(event, accepted, accepted.seq + index, at);
  }

  #checkAttempt({ attempt, actor }: Accepted, at: string): void {
    if (attempt === 0) return;
    const run = this.#byAttempt.get(attempt);
    if (run?.attempt !== attempt)
      return this.#findings.add("fenced", `${at} is of attempt ${attempt}, which is not the latest`);
    if (run.instance !== actor.instance)
      this.#findings.add("fenced", `${at} is by ${actor.instance}, and ${run.instance} has it`);
    if (this.#crashed.has(run.instance)) this.#findings.add("fenced", `${at} is by ${run.instance}, which has crashed`);
    if (run.ended) this.#findings.add("fenced", `${at} is of a run that has ended`);
  }

  #event(event: EventJson, accepted: Accepted, seq: number, at: string): void {
    const [kind = ""] = Object.keys(event);
    const isSystem = accepted.actor.role === "ROLE_SYSTEM";
    if (DERIVED.includes(kind) && !isSystem) this.#findings.add("roles", `${at}: ${kind} by ${accepted.actor.role}`);
    this.#presence(event, at);
    this.#run(event, accepted, seq, at);
    const requestId = event.requestAnswered?.requestId ?? event.requestExpired?.requestId;
    if (requestId !== undefined) {
      if (this.#answered.has(requestId)) this.#findings.add("one winner", `${at} decides ${requestId} again`);
      this.#answered.add(requestId);
    }
    this.#offers(event, at);
    this.#holds(event, at);
  }

  /** The floor is one operator's at a time; while somebody has it, or a budget is used up, nobody begins to work. */
  #holds(
    { takeoverClaimed, takeoverReleased, budgetExhausted, budgetSet, budgetLifted, runAccepted }: EventJson,
    at: string,
  ): void {
    if (takeoverClaimed !== undefined) {
      if (this.#hasFloor) this.#findings.add("one winner", `${at} takes the floor, and somebody has it`);
      this.#hasFloor = true;
    }
    if (takeoverReleased !== undefined) {
      if (!this.#hasFloor) this.#findings.add("one winner", `${at} gives a floor back that nobody has`);
      this.#hasFloor = false;
    }
    if (budgetExhausted !== undefined) this.#isSpent = true;
    if ((budgetSet ?? budgetLifted) !== undefined) this.#isSpent = false;
    if (runAccepted !== undefined && (this.#hasFloor || this.#isSpent))
      this.#findings.add(
        "held",
        `${at} accepts a run, and ${this.#hasFloor ? "an operator has the floor" : "the budget is used up"}`,
      );
  }

  #presence(
    { memberJoined, memberLeft, nodeExpired, agentJoined, agentResumed, agentCrashed }: EventJson,
    at: string,
  ): void {
    const here = memberJoined ?? agentJoined ?? agentResumed;
    if (here?.node !== undefined && (here.incarnation ?? 0) <= (this.#expired.get(here.node) ?? -1)) {
      this.#findings.add("presence", `${at} joins under life ${here.incarnation} of ${here.node}, which is over`);
    }
    if (memberJoined?.member !== undefined) this.#members.add(memberJoined.member);
    if (memberLeft?.member !== undefined) this.#members.delete(memberLeft.member);
    if (nodeExpired?.node !== undefined) this.#expired.set(nodeExpired.node, nodeExpired.incarnation ?? 0);
    if (agentCrashed?.instance !== undefined) this.#crashed.add(agentCrashed.instance);
  }

  #run(event: EventJson, { attempt }: Accepted, seq: number, at: string): void {
    const { runAccepted } = event;
    if (runAccepted?.runId !== undefined) {
      const before = this.#runs.get(runAccepted.runId);
      if (before?.ended === true) this.#findings.add("fenced", `${at} accepts ${runAccepted.runId}, which has ended`);
      const run = { attempt: seq, instance: runAccepted.instance ?? "", ended: false };
      this.#runs.set(runAccepted.runId, run);
      this.#byAttempt.set(seq, run);
    }
    for (const end of ENDS) {
      const runId = event[end]?.runId;
      const run = runId === undefined ? undefined : this.#runs.get(runId);
      if (run === undefined) continue;
      if (run.ended) this.#findings.add("every run ends", `${at} ends ${runId} again`);
      if (end === "runCompleted" && attempt !== run.attempt)
        this.#findings.add("fenced", `${at} ends ${runId} from outside`);
      run.ended = true;
    }
  }

  #offers({ poolOffered, poolTaken, poolReturned, poolFreed, poolQueued }: EventJson, at: string): void {
    const run = (poolOffered ?? poolTaken ?? poolReturned ?? poolFreed ?? poolQueued)?.run;
    if (run?.runId === undefined) return;
    const id = `${run.session} ${run.runId}`;
    const model = this.#pool.get(id) ?? { offeredTo: undefined, takenBy: undefined };
    this.#pool.set(id, model);
    if (poolOffered !== undefined) {
      const holder = model.offeredTo ?? model.takenBy;
      if (holder !== undefined)
        this.#findings.add("one winner", `${at} offers ${id} to ${poolOffered.instance}, and ${holder} has it`);
      model.offeredTo = poolOffered.instance ?? "";
    }
    if (poolTaken !== undefined) Object.assign(model, { offeredTo: undefined, takenBy: poolTaken.instance ?? "" });
    if (poolReturned !== undefined || poolFreed !== undefined)
      Object.assign(model, { offeredTo: undefined, takenBy: undefined });
    if (poolQueued !== undefined) model.takenBy = undefined;
  }
}

export function checkRules({ sessionKey, judged }: History, findings: Findings): void {
  const rules = new Rules(sessionKey, findings);
  for (const { accepted, offset } of judged) if (accepted !== undefined) rules.take(accepted, offset);
}
