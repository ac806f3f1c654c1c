/** The words of the schema's enumerations that a writer may use, without their unspecified first ones. */
import type {
  AnswerActionJson,
  FinishReasonJson,
  LeaveReasonJson,
  LostReasonJson,
  MessageRoleJson,
  PartKindJson,
  ReceiptStateJson,
  RequestKindJson,
  RoleJson,
  SuspendReasonJson,
  TakeoverOutcomeJson,
  ToolSiteJson,
  UrgencyJson,
} from "@perdure/protocol";

import type { Hold } from "../apply/holds.ts";

type Words<Enum extends string> = Readonly<Record<Exclude<Enum, `${string}_UNSPECIFIED`>, true>>;

export const roles: Words<Exclude<RoleJson, "ROLE_SYSTEM">> = {
  ROLE_USER: true,
  ROLE_AGENT: true,
  ROLE_OPERATOR: true,
  ROLE_OBSERVER: true,
  ROLE_SERVICE: true,
};
export const messageRoles: Words<MessageRoleJson> = {
  MESSAGE_ROLE_USER: true,
  MESSAGE_ROLE_ASSISTANT: true,
  MESSAGE_ROLE_OPERATOR: true,
  MESSAGE_ROLE_SYSTEM: true,
  MESSAGE_ROLE_TOOL: true,
};
export const finishReasons: Words<FinishReasonJson> & { FINISH_REASON_UNSPECIFIED: true } = {
  FINISH_REASON_UNSPECIFIED: true,
  FINISH_REASON_STOP: true,
  FINISH_REASON_LENGTH: true,
  FINISH_REASON_CANCELLED: true,
  FINISH_REASON_ERROR: true,
  FINISH_REASON_FILTER: true,
};
export const partKinds: Words<PartKindJson> = {
  PART_KIND_TEXT: true,
  PART_KIND_REASONING: true,
  PART_KIND_TOOL_CALL: true,
  PART_KIND_TOOL_RESULT: true,
  PART_KIND_SOURCE: true,
  PART_KIND_FILE: true,
  PART_KIND_DATA: true,
};
export const toolSites: Words<ToolSiteJson> = {
  TOOL_SITE_AGENT: true,
  TOOL_SITE_PROVIDER: true,
  TOOL_SITE_CLIENT: true,
};
export const leaveReasons: Words<LeaveReasonJson> & { LEAVE_REASON_UNSPECIFIED: true } = {
  LEAVE_REASON_UNSPECIFIED: true,
  LEAVE_REASON_CLOSED: true,
  LEAVE_REASON_DETACHED: true,
  LEAVE_REASON_EXPIRED: true,
  LEAVE_REASON_CRASHED: true,
};
export const lostReasons: Words<LostReasonJson> & { LOST_REASON_UNSPECIFIED: true } = {
  LOST_REASON_UNSPECIFIED: true,
  LOST_REASON_STREAM: true,
  LOST_REASON_SILENT: true,
  LOST_REASON_NODE: true,
};
/** Without those that only the session has. */
export const suspendReasons: Words<Exclude<SuspendReasonJson, Hold>> = {
  SUSPEND_REASON_REQUEST: true,
  SUSPEND_REASON_PAUSED: true,
  SUSPEND_REASON_NOBODY_WATCHING: true,
};
export const requestKinds: Words<RequestKindJson> = {
  REQUEST_KIND_CHOICE: true,
  REQUEST_KIND_FORM: true,
  REQUEST_KIND_URL: true,
  REQUEST_KIND_CLIENT_TOOL: true,
};
export const answerActions: Words<AnswerActionJson> = {
  ANSWER_ACTION_ACCEPT: true,
  ANSWER_ACTION_DECLINE: true,
  ANSWER_ACTION_CANCEL: true,
};
export const receiptStates: Words<ReceiptStateJson> = {
  RECEIPT_STATE_RECEIVED: true,
  RECEIPT_STATE_APPLIED: true,
  RECEIPT_STATE_REFUSED: true,
};
export const urgencies: Words<UrgencyJson> & { URGENCY_UNSPECIFIED: true } = {
  URGENCY_UNSPECIFIED: true,
  URGENCY_LOW: true,
  URGENCY_NORMAL: true,
  URGENCY_HIGH: true,
};
export const takeoverOutcomes: Words<TakeoverOutcomeJson> = {
  TAKEOVER_OUTCOME_RESOLVED: true,
  TAKEOVER_OUTCOME_HANDED_BACK: true,
  TAKEOVER_OUTCOME_ABANDONED: true,
};
