import type { AnyEvent, Body, EventKind } from "../kinds.ts";
import { isAllowed } from "../permissions.ts";
import { audienceAll, type SessionState } from "../state.ts";
import { textBytes } from "../weight.ts";
import type { JudgedContext } from "../context.ts";
import * as agents from "./agents.ts";
import * as budgets from "./budgets.ts";
import * as controls from "./controls.ts";
import * as documents from "./documents.ts";
import * as members from "./members.ts";
import * as messages from "./messages.ts";
import * as parts from "./parts.ts";
import * as pool from "./pool.ts";
import { type Judge, type Refusal, shareOf } from "./reasons.ts";
import * as requests from "./requests.ts";
import * as runs from "./runs.ts";
import * as session from "./session.ts";
import { checkShape } from "./shapes.ts";
import * as steps from "./steps.ts";
import * as takeovers from "./takeovers.ts";
import * as usage from "./usage.ts";

interface Rule<K extends EventKind> {
  readonly judge: Judge<K>;
  /** It tells everyone, since what it changes has no audience of its own. */
  readonly forAll?: true;
  /** It is taken after the session's end: readers come and go. */
  readonly afterEnd?: true;
  /** It adds to what the session holds open. */
  readonly grows?: true;
}

const passes = (): undefined => undefined;

/** How each kind of event is judged. */
export type Judges = { readonly [K in EventKind]: Rule<K> };

/** Those of version 1. A kind that is missing here does not compile. */
export const judges: Judges = {
  sessionCreated: { judge: session.sessionCreated, forAll: true },
  sessionUpdated: { judge: session.sessionUpdated, forAll: true },
  sessionClosed: { judge: session.sessionClosed, forAll: true },
  rulesUpgraded: { judge: session.rulesUpgraded, forAll: true, afterEnd: true },
  participantInvited: { judge: session.participantInvited, forAll: true },
  participantRemoved: { judge: session.participantRemoved, forAll: true, afterEnd: true },
  memberJoined: { judge: members.memberJoined, forAll: true, afterEnd: true },
  memberUpdated: { judge: members.memberUpdated, forAll: true, afterEnd: true },
  memberLeft: { judge: members.memberLeft, forAll: true, afterEnd: true },
  nodeExpired: { judge: members.nodeExpired, forAll: true, afterEnd: true },
  observersCounted: { judge: members.observersCounted, forAll: true, afterEnd: true },
  agentJoined: { judge: agents.agentJoined, forAll: true, afterEnd: true },
  agentProgress: { judge: agents.agentProgress },
  agentBusy: { judge: agents.agentBusy, forAll: true, afterEnd: true },
  agentLost: { judge: agents.agentLost, forAll: true, afterEnd: true },
  agentResumed: { judge: agents.agentResumed, forAll: true, afterEnd: true },
  agentCrashed: { judge: agents.agentCrashed, forAll: true, afterEnd: true },
  agentLeft: { judge: agents.agentLeft, forAll: true, afterEnd: true },
  messageOpened: { judge: messages.messageOpened, grows: true },
  messageUpdated: { judge: messages.messageUpdated, grows: true },
  messageRemoved: { judge: messages.messageRemoved },
  messageClosed: { judge: messages.messageClosed },
  partOpened: { judge: parts.partOpened, grows: true },
  partAppended: { judge: parts.partAppended },
  partSet: { judge: parts.partSet, grows: true },
  partPatched: { judge: parts.partPatched, grows: true },
  partAnnotated: { judge: parts.partAnnotated, grows: true },
  partClosed: { judge: parts.partClosed },
  runRequested: { judge: runs.runRequested, grows: true },
  runAccepted: { judge: runs.runAccepted },
  runSuspended: { judge: runs.runSuspended },
  runResumed: { judge: runs.runResumed },
  runCompleted: { judge: runs.runCompleted },
  runFailed: { judge: runs.runFailed },
  runCancelled: { judge: runs.runCancelled },
  runOrphaned: { judge: runs.runOrphaned },
  stepStarted: { judge: steps.stepStarted, grows: true },
  stepClosed: { judge: steps.stepClosed, grows: true },
  stepSuperseded: { judge: steps.stepSuperseded },
  controlCancel: { judge: controls.controlCancel, grows: true },
  controlSteer: { judge: controls.judgeSignal, grows: true },
  controlRedirect: { judge: controls.judgeSignal, grows: true },
  controlPause: { judge: controls.judgeSignal, grows: true },
  controlResume: { judge: controls.judgeSignal, grows: true },
  controlReceipt: { judge: controls.controlReceipt },
  requestOpened: { judge: requests.requestOpened, grows: true },
  requestAnswered: { judge: requests.requestAnswered, grows: true },
  requestExpired: { judge: requests.requestExpired },
  requestWithdrawn: { judge: requests.requestWithdrawn },
  poolQueued: { judge: pool.poolQueued, forAll: true },
  poolOffered: { judge: pool.poolOffered, forAll: true },
  poolFreed: { judge: pool.poolFreed, forAll: true },
  poolTaken: { judge: pool.poolTaken, forAll: true },
  poolReturned: { judge: pool.poolReturned, forAll: true },
  usageReported: { judge: usage.usageReported },
  documentReplaced: { judge: documents.documentReplaced },
  documentPatched: { judge: documents.documentPatched },
  documentRemoved: { judge: documents.documentRemoved },
  takeoverRequested: { judge: takeovers.takeoverRequested, forAll: true },
  takeoverClaimed: { judge: takeovers.takeoverClaimed, forAll: true },
  takeoverTransferred: { judge: takeovers.takeoverTransferred, forAll: true },
  takeoverReleased: { judge: takeovers.takeoverReleased, forAll: true },
  takeoverExpired: { judge: takeovers.takeoverExpired, forAll: true },
  takeoverWithdrawn: { judge: takeovers.takeoverWithdrawn, forAll: true },
  budgetSet: { judge: budgets.budgetSet, forAll: true },
  budgetWarned: { judge: budgets.budgetWarned, forAll: true },
  budgetExhausted: { judge: budgets.budgetExhausted, forAll: true },
  budgetLifted: { judge: budgets.budgetLifted, forAll: true },
  transient: { judge: passes },
};

/** What a text may weigh beside its bytes, once it is in an item. */
const overheadBytes = 512;

/** Judges one event of a record whose writer and attempt are in order; undefined: it may be applied. */
export function judgeEvent<K extends EventKind>(
  state: SessionState,
  kind: K,
  event: Pick<AnyEvent, K>,
  context: JudgedContext,
): Refusal | undefined {
  const body: Body<K> | undefined = event[kind];
  const rule: Rule<K> | undefined = context.rules.judges[kind];
  if (rule === undefined) return "unknown_kind";
  if (state.epoch === undefined && kind !== "sessionCreated") return "session_not_found";
  if (!isAllowed(context.actor.role, kind)) return "forbidden";
  const wrong = checkShape(kind, event);
  if (wrong !== undefined || body === undefined) return wrong ?? "invalid_event";
  if (state.info.closed && rule.afterEnd !== true && kind !== "sessionCreated") return "session_closed";
  if (rule.forAll === true && context.audience !== audienceAll) return "audience_mismatch";
  if (
    rule.grows === true &&
    state.heldWeight + textBytes(body) + overheadBytes > shareOf(state.limits.heldBytes, context)
  ) {
    return "session_full";
  }
  return rule.judge(state, body, context);
}
