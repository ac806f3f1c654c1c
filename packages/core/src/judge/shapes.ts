import type {
  AnnotationJson,
  ChoiceJson,
  PartSpecJson,
  RunRefJson,
  SessionPolicyJson,
  TagListJson,
} from "@perdure/protocol";
import type { Code } from "../codes.ts";
import type { AnyEvent, Body, EventKind } from "../kinds.ts";
import {
  bytes,
  chars,
  type Check,
  checkFields,
  list,
  nested,
  oneOf,
  required,
  type Shape,
  wholeNumber,
} from "./checks.ts";
import * as words from "./words.ts";

const kib = 1024;
/** Ids of items: producer, number, index. */
const id = chars(80);
const label = chars(64);
/** What processes are called by: there are many in a head. */
const name = bytes(64);
const line = chars(256);
const person = chars(128);
const json = bytes(64 * kib);
const appData = bytes(16 * kib);
const role = required(oneOf(words.roles));
const tags = list(32, label);

const policy = nested<SessionPolicyJson>({ defaultAgent: name });
const tagList = nested<TagListJson>({ values: tags });
const choice = nested<ChoiceJson>({ value: required(label), label: person });
const annotation = nested<AnnotationJson>({ kind: required(label), targetPartId: id, metadata: bytes(4 * kib) });
const runRef = required(
  nested<RunRefJson>({
    session: required(chars(128)),
    epoch: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    runId: required(id),
  }),
);
const part = required(
  nested<PartSpecJson>({
    kind: required(oneOf(words.partKinds)),
    text: bytes(512 * kib),
    name: line,
    callId: person,
    url: chars(2048),
    mediaType: person,
    // 64 KiB in base64.
    inline: chars(87_384),
    sha256: chars(44),
    sizeBytes: wholeNumber(0, Number.MAX_SAFE_INTEGER),
    sealed: appData,
    metadata: appData,
    site: oneOf(words.toolSites),
  }),
);
const signal = { runId: required(id) };
const instance = required(name);
const attached = { instance, attachment: required(name), node: name };
const amount = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const currency = chars(8);

/** Lengths and words of every kind of event. A text field that is missing here does not compile. */
const shapes: { readonly [K in EventKind]: Shape<Body<K>> } = {
  sessionCreated: { title: line, tags, policy, metadata: appData },
  sessionUpdated: { title: line, tags: tagList, policy, metadata: appData },
  sessionClosed: { reason: line },
  rulesUpgraded: {},
  participantInvited: { participant: required(person), role, name: person },
  participantRemoved: { participant: required(person), reason: line },
  memberJoined: {
    member: required(name),
    participant: required(person),
    role,
    name: person,
    node: name,
    device: person,
  },
  memberUpdated: { member: required(name) },
  memberLeft: { member: required(name), reason: oneOf(words.leaveReasons) },
  nodeExpired: { node: required(name) },
  observersCounted: { node: required(name) },
  agentJoined: { ...attached, agent: required(name), description: line },
  agentProgress: { runId: required(id), stepId: id, label: line },
  agentBusy: { instance },
  agentLost: { instance, attachment: required(name), reason: oneOf(words.lostReasons) },
  agentResumed: attached,
  agentCrashed: { instance },
  agentLeft: { instance, reason: line },
  messageOpened: {
    parentId: id,
    role: required(oneOf(words.messageRoles)),
    runId: id,
    stepId: id,
    to: list(16, required(person)),
    editOf: id,
    regenerates: id,
    continues: id,
    metadata: appData,
  },
  messageUpdated: { messageId: required(id), metadata: appData },
  messageRemoved: { messageId: required(id), reason: line },
  messageClosed: { messageId: required(id), finish: oneOf(words.finishReasons) },
  partOpened: { messageId: required(id), part },
  partAppended: { partId: required(id), text: bytes(512 * kib) },
  partSet: { partId: required(id), part },
  partPatched: { partId: required(id), patch: required(json) },
  partAnnotated: { partId: required(id), annotation: required(annotation) },
  partClosed: { partId: required(id), finish: oneOf(words.finishReasons) },
  runRequested: {
    agent: name,
    inputMessageId: id,
    input: json,
    tools: json,
    context: json,
    parentRunId: id,
    parentCallId: person,
  },
  runAccepted: { runId: required(id), instance },
  runSuspended: { runId: required(id), reason: required(oneOf(words.suspendReasons)), requestId: id },
  runResumed: { runId: required(id) },
  runCompleted: { runId: required(id), result: json },
  runFailed: { runId: required(id), code: label, message: chars(1024), stepId: id, cause: bytes(4 * kib) },
  runCancelled: { runId: required(id), controlId: id },
  runOrphaned: { runId: required(id), instance: name },
  stepStarted: { runId: required(id), key: required(person), label: line, parentStepId: id },
  stepClosed: { stepId: required(id), result: json, error: chars(1024) },
  stepSuperseded: { stepId: required(id) },
  controlCancel: { ...signal, reason: chars(1024) },
  controlSteer: { ...signal, text: json, messageId: id },
  controlRedirect: { ...signal, agent: name, text: json, messageId: id },
  controlPause: signal,
  controlResume: signal,
  controlReceipt: { controlId: required(id), state: required(oneOf(words.receiptStates)), code: label },
  requestOpened: {
    runId: id,
    kind: required(oneOf(words.requestKinds)),
    title: line,
    text: bytes(4 * kib),
    choices: list(16, choice),
    schema: appData,
    url: chars(2048),
    callId: person,
    roles: list(8, role),
    defaultPayload: appData,
  },
  requestAnswered: { requestId: required(id), action: required(oneOf(words.answerActions)), payload: json },
  requestExpired: { requestId: required(id) },
  requestWithdrawn: { requestId: required(id) },
  poolQueued: { run: runRef },
  poolOffered: { run: runRef, instance },
  poolFreed: { run: runRef, instance: name },
  poolTaken: { run: runRef, instance },
  poolReturned: { run: runRef, instance },
  usageReported: {
    runId: id,
    stepId: id,
    provider: label,
    model: person,
    costMicros: amount,
    currency,
    responseId: person,
  },
  documentReplaced: { name: required(label), content: required(bytes(256 * kib)) },
  documentPatched: { name: required(label), patch: required(json) },
  documentRemoved: { name: required(label) },
  transient: { kind: required(label), data: json },
  takeoverRequested: { reason: line, summary: appData, urgency: oneOf(words.urgencies), team: label },
  takeoverClaimed: { takeoverId: id },
  takeoverTransferred: { takeoverId: required(id), to: required(person), note: bytes(4 * kib) },
  takeoverReleased: { takeoverId: required(id), outcome: required(oneOf(words.takeoverOutcomes)), note: appData },
  takeoverExpired: { takeoverId: required(id) },
  takeoverWithdrawn: { takeoverId: required(id) },
  budgetSet: { limitMicros: amount, currency, limitTokens: amount },
  budgetWarned: { spentMicros: amount, currency, spentTokens: amount },
  budgetExhausted: { spentMicros: amount, currency, spentTokens: amount },
  budgetLifted: { currency },
};

const checksByKind = new Map(Object.entries(shapes).map(([kind, shape]) => [kind, Object.entries<Check>(shape)]));

/** Whether the event's texts have their lengths and words; undefined: all have. */
export function checkShape(kind: EventKind, event: AnyEvent): Code | undefined {
  const body = event[kind];
  const checks = checksByKind.get(kind);
  return body === undefined || checks === undefined ? "invalid_event" : checkFields(checks, body);
}
