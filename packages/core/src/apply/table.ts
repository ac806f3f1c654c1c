import type { EventJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { AnyEvent, Body, EventKind } from "../kinds.ts";
import type { SessionState } from "../state.ts";
import * as agents from "./agents.ts";
import * as budgets from "./budgets.ts";
import * as controls from "./controls.ts";
import * as documents from "./documents.ts";
import * as members from "./members.ts";
import * as messages from "./messages.ts";
import * as parts from "./parts.ts";
import * as pool from "./pool.ts";
import * as receipts from "./receipts.ts";
import * as requests from "./requests.ts";
import * as runs from "./runs.ts";
import * as session from "./session.ts";
import * as steps from "./steps.ts";
import * as takeovers from "./takeovers.ts";
import * as usage from "./usage.ts";

type Apply<K extends EventKind> = (state: SessionState, body: Body<K>, context: Context) => void;

// Passed on.
const nothing = (): void => undefined;

/** How each kind of event changes the state, once it is accepted. */
export type Appliers = { readonly [K in EventKind]: Apply<K> };

/** Those of version 1. A kind that is missing here does not compile. */
export const appliers: Appliers = {
  sessionCreated: session.sessionCreated,
  sessionUpdated: session.sessionUpdated,
  sessionClosed: session.sessionClosed,
  rulesUpgraded: session.rulesUpgraded,
  participantInvited: session.participantInvited,
  participantRemoved: session.participantRemoved,
  memberJoined: members.memberJoined,
  memberUpdated: members.memberUpdated,
  memberLeft: members.memberLeft,
  nodeExpired: members.nodeExpired,
  observersCounted: members.observersCounted,
  agentJoined: agents.agentJoined,
  agentProgress: agents.agentProgress,
  agentBusy: agents.agentBusy,
  agentLost: agents.agentLost,
  agentResumed: agents.agentResumed,
  agentCrashed: agents.agentCrashed,
  agentLeft: agents.agentLeft,
  messageOpened: messages.messageOpened,
  messageUpdated: messages.messageUpdated,
  messageRemoved: messages.messageRemoved,
  messageClosed: messages.messageClosed,
  partOpened: parts.partOpened,
  partAppended: parts.partAppended,
  partSet: parts.partSet,
  partPatched: parts.partPatched,
  partAnnotated: parts.partAnnotated,
  partClosed: parts.partClosed,
  runRequested: runs.runRequested,
  runAccepted: runs.runAccepted,
  runSuspended: runs.runSuspended,
  runResumed: runs.runResumed,
  runCompleted: runs.runCompleted,
  runFailed: runs.runFailed,
  runCancelled: runs.runCancelled,
  runOrphaned: runs.runOrphaned,
  stepStarted: steps.stepStarted,
  stepClosed: steps.stepClosed,
  stepSuperseded: steps.stepSuperseded,
  controlCancel: controls.controlCancel,
  controlSteer: controls.controlSteer,
  controlRedirect: controls.controlRedirect,
  controlPause: controls.controlPause,
  controlResume: controls.controlResume,
  controlReceipt: receipts.controlReceipt,
  requestOpened: requests.requestOpened,
  requestAnswered: requests.requestAnswered,
  requestExpired: requests.requestExpired,
  requestWithdrawn: requests.requestWithdrawn,
  poolQueued: pool.poolQueued,
  poolOffered: pool.poolOffered,
  poolFreed: pool.poolFreed,
  poolTaken: pool.poolTaken,
  poolReturned: pool.poolReturned,
  usageReported: usage.usageReported,
  documentReplaced: documents.documentReplaced,
  documentPatched: documents.documentPatched,
  documentRemoved: documents.documentRemoved,
  takeoverRequested: takeovers.takeoverRequested,
  takeoverClaimed: takeovers.takeoverClaimed,
  takeoverTransferred: takeovers.takeoverTransferred,
  takeoverReleased: takeovers.takeoverReleased,
  takeoverExpired: takeovers.takeoverExpired,
  takeoverWithdrawn: takeovers.takeoverWithdrawn,
  budgetSet: budgets.budgetSet,
  budgetWarned: budgets.budgetWarned,
  budgetExhausted: budgets.budgetExhausted,
  budgetLifted: budgets.budgetLifted,
  transient: nothing,
};

const isKind = (key: string): key is EventKind => Object.hasOwn(appliers, key);

/** The kind of an event: the one key it has; undefined where it has none, another, or more than one. */
export function eventKind(event: EventJson): EventKind | undefined {
  let kind: EventKind | undefined;
  for (const key in event) {
    if (kind !== undefined || !isKind(key)) return undefined;
    kind = key;
  }
  return kind;
}

/** By version of the rules: the first is version 1. */
export const APPLIERS: readonly Partial<Appliers>[] = [appliers];

/** Applies an accepted event. Kinds that are not known are skipped. */
export function applyEvent(state: SessionState, event: EventJson, context: Context): void {
  const kind = eventKind(event);
  if (kind !== undefined) applyKind(state, kind, event, context);
}

/** Applies an accepted event of a known kind. */
export function applyKind<K extends EventKind>(
  state: SessionState,
  kind: K,
  event: Pick<AnyEvent, K>,
  context: Context,
): void {
  const body: Body<K> | undefined = event[kind];
  const apply: Apply<K> | undefined = context.rules.appliers[kind];
  if (body !== undefined) apply?.(state, body, context);
}
