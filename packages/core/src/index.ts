export type { Accepted, Due, FoldResult, Level, PoolSignal, Position, RecordDraft, Refused, Verdict } from "./api.ts";
export { acceptedRecord } from "./accepted-record.ts";
export { applyAccepted } from "./apply/accepted.ts";
export { isAlive, isHere } from "./apply/agents.ts";
export { documentOf } from "./apply/documents.ts";
export { claimedTakeover, openTakeover } from "./apply/floor.ts";
export { type Hold, holdOf } from "./apply/holds.ts";
export { poolKey } from "./apply/pool.ts";
export { isUnderWay, isUnfinished } from "./apply/lifecycle.ts";
export { eventKind } from "./apply/table.ts";
export { covers, levelOf } from "./audience.ts";
export { canonical } from "./canonical.ts";
export { type Code, type CodeInfo, CODES, isCode } from "./codes.ts";
export { dues, nextDueMs } from "./due.ts";
export { PerdureError, type PerdureErrorDetails } from "./errors.ts";
export { FOLLOWER_LIMITS, type FollowerLimits } from "./follower-limits.ts";
export { fold } from "./fold.ts";
export { fromHead } from "./from-head.ts";
export { toHead } from "./head.ts";
export { fromJsonText, jsonText } from "./json-text.ts";
export type { Body, EventKind } from "./kinds.ts";
export { type Limits, LIMITS } from "./limits.ts";
export { newSession } from "./new-session.ts";
export { isAllowed, mayWrite } from "./permissions.ts";
export { pageSignals, poolSignals } from "./pools.ts";
export { followedState } from "./read-head.ts";
export { RULE_BOOK, type RuleBook, type Rules } from "./rules.ts";
export { type KnownDocument, type PatchOperation, SharedDocument } from "./shared-document.ts";
export { REFUSED_BY_ALL } from "./stand-in.ts";
export { type CodeStatus, STATUSES } from "./statuses.ts";
export {
  FIRST_RULES,
  type Agent,
  type Budget,
  type Control,
  type Document,
  type Member,
  type Message,
  type Part,
  type Participant,
  type PoolRun,
  type Request,
  type Run,
  type SessionInfo,
  type FollowedState,
  type SessionState,
  type Step,
  type Takeover,
  type UsageTotal,
} from "./state.ts";
export { projectAccepted } from "./view/accepted.ts";
export { mergePatch } from "./view/merge.ts";
export { patchSince, project, projectPage } from "./view/project.ts";
export { utf8Bytes } from "./weight.ts";
