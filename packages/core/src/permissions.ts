import type { RoleJson } from "@perdure/protocol";
import type { EventKind } from "./kinds.ts";

type Role = "user" | "agent" | "operator" | "observer" | "service" | "system";

const people: readonly Role[] = ["user", "operator"];
const writers: readonly Role[] = ["user", "agent", "operator", "service"];
const everyone: readonly Role[] = [...writers, "observer", "system"];
const agents: readonly Role[] = ["agent"];
const nodes: readonly Role[] = ["system"];

/**
 * Which roles may write which kind of event (SPEC 13.2). What each may say with it, about which items, is judged by the
 * kind's own rules. Kinds that only nodes write are derived events.
 */
export const mayWrite: Readonly<Record<EventKind, readonly Role[]>> = {
  sessionCreated: [...writers, "system"],
  sessionUpdated: writers,
  sessionClosed: [...people, "service", "system"],
  rulesUpgraded: nodes,
  participantInvited: [...people, "service"],
  participantRemoved: [...people, "service"],
  memberJoined: everyone,
  memberUpdated: everyone,
  memberLeft: everyone,
  nodeExpired: nodes,
  observersCounted: nodes,
  agentJoined: agents,
  agentProgress: agents,
  agentBusy: [...agents, "system"],
  agentLost: nodes,
  agentResumed: agents,
  agentCrashed: nodes,
  agentLeft: [...agents, "system"],
  messageOpened: writers,
  messageUpdated: writers,
  messageRemoved: writers,
  messageClosed: writers,
  partOpened: writers,
  partAppended: writers,
  partSet: writers,
  partPatched: writers,
  partAnnotated: writers,
  partClosed: writers,
  runRequested: writers,
  runAccepted: agents,
  runSuspended: agents,
  runResumed: agents,
  runCompleted: agents,
  runFailed: agents,
  runCancelled: [...agents, "system"],
  runOrphaned: nodes,
  stepStarted: agents,
  stepClosed: agents,
  stepSuperseded: agents,
  controlCancel: writers,
  controlSteer: writers,
  controlRedirect: writers,
  controlPause: writers,
  controlResume: writers,
  controlReceipt: agents,
  requestOpened: [...agents, "service"],
  requestAnswered: writers,
  requestExpired: nodes,
  requestWithdrawn: [...agents, "service"],
  poolQueued: nodes,
  poolOffered: nodes,
  poolFreed: nodes,
  poolTaken: nodes,
  poolReturned: [...agents, "system"],
  usageReported: [...agents, "service", "system"],
  transient: writers,
  documentReplaced: writers,
  documentPatched: writers,
  documentRemoved: writers,
  takeoverRequested: writers,
  takeoverClaimed: ["operator"],
  takeoverTransferred: ["operator", "service"],
  takeoverReleased: ["operator", "service", "system"],
  takeoverExpired: nodes,
  takeoverWithdrawn: writers,
  budgetSet: ["operator", "service"],
  budgetWarned: nodes,
  budgetExhausted: nodes,
  budgetLifted: ["operator", "service"],
};

const roleNames: Readonly<Record<RoleJson, Role | undefined>> = {
  ROLE_UNSPECIFIED: undefined,
  ROLE_USER: "user",
  ROLE_AGENT: "agent",
  ROLE_OPERATOR: "operator",
  ROLE_OBSERVER: "observer",
  ROLE_SERVICE: "service",
  ROLE_SYSTEM: "system",
};

/** The roles that there are. */
export const isRole = (role: unknown): role is RoleJson =>
  typeof role === "string" && role !== "ROLE_UNSPECIFIED" && Object.hasOwn(roleNames, role);

/** Whether the role may write events of the kind. */
export function isAllowed(role: RoleJson | undefined, kind: EventKind): boolean {
  const name = roleNames[role ?? "ROLE_UNSPECIFIED"];
  return name !== undefined && mayWrite[kind].includes(name);
}
