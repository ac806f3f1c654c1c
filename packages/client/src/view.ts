/**
 * What an app sees of a session. Every object is immutable and stays the same object for as long as what it shows has
 * not changed, so that comparing references tells what to draw again.
 */
import type {
  AgentPresenceJson,
  AnnotationJson,
  AudienceJson,
  BudgetPhaseJson,
  ControlKindJson,
  FinishReasonJson,
  MessageRoleJson,
  PartKindJson,
  ReceiptLevelJson,
  RequestKindJson,
  RoleJson,
  RunPhaseJson,
  StepPhaseJson,
  SuspendReasonJson,
  TakeoverPhaseJson,
  ToolSiteJson,
  UrgencyJson,
} from "@perdure/protocol";
import type { Word } from "./words.ts";

export type MessageRole = Word<"MESSAGE_ROLE", MessageRoleJson>;
export type PartKind = Word<"PART_KIND", PartKindJson>;
export type FinishReason = Word<"FINISH_REASON", FinishReasonJson>;
export type RunPhase = Word<"RUN_PHASE", RunPhaseJson>;
export type StepPhase = Word<"STEP_PHASE", StepPhaseJson>;
export type AgentPresence = Word<"AGENT_PRESENCE", AgentPresenceJson>;
export type RequestKind = Word<"REQUEST_KIND", RequestKindJson>;
export type ControlKind = Word<"CONTROL_KIND", ControlKindJson>;
export type ReceiptLevel = Word<"RECEIPT_LEVEL", ReceiptLevelJson>;
export type SuspendReason = Word<"SUSPEND_REASON", SuspendReasonJson>;
export type TakeoverPhase = Word<"TAKEOVER_PHASE", TakeoverPhaseJson>;
export type Urgency = Word<"URGENCY", UrgencyJson>;
export type BudgetPhase = Word<"BUDGET_PHASE", BudgetPhaseJson>;
export type Audience = Word<"AUDIENCE", AudienceJson>;
export type Role = Word<"ROLE", RoleJson>;
export type ToolSite = Word<"TOOL_SITE", ToolSiteJson>;

export interface SessionView {
  readonly id: string;
  /** False: nothing is known of it yet, or it has no life; the first send begins one. */
  readonly exists: boolean;
  /** Seq of the last event in here. */
  readonly seq: number;
  /**
   * Pages of the past that are not shown here: `history` walks them. Where it grows, this client was away for so long that
   * it begins later now, and what lies between is in the pages that are new: walk them again.
   */
  readonly pastPages: number;
  readonly title: string;
  readonly closed: boolean;
  /** The conversation in order: of each message that was edited or regenerated only the version that is chosen. */
  readonly messages: readonly MessageView[];
  /** All recent messages by id, also versions that are not chosen. */
  readonly messageById: ReadonlyMap<string, MessageView>;
  readonly runs: readonly RunView[];
  /** Who is connected now. */
  readonly members: readonly MemberView[];
  /** Connections of observers, also those that are not among `members`, since enough others are. */
  readonly observerCount: number;
  readonly agents: readonly AgentView[];
  /** Questions that wait for an answer. */
  readonly requests: readonly RequestView[];
  readonly controls: readonly ControlView[];
  /** A human is asked for, or has the floor; undefined: neither. */
  readonly takeover: TakeoverView | undefined;
  readonly documents: readonly DocumentView[];
  readonly budgets: readonly BudgetView[];
  /** Participants who are typing. */
  readonly typing: readonly string[];
  /**
   * Of what is on its way, how much is lost if the page ends before the session has it: this device's storage takes no more
   * (`onReport` of the client tells `storage_full`), or no server has said yet who is here. Say so where it is not 0.
   */
  readonly unsavedCount: number;
}

/** `pending`: on its way to the session. `streaming`: not finished yet. */
export type MessageStatus = "pending" | "streaming" | "done";

export interface MessageView {
  readonly id: string;
  readonly role: MessageRole;
  readonly author: string;
  readonly status: MessageStatus;
  readonly finish: FinishReason;
  /** All text parts together. */
  readonly text: string;
  readonly parts: readonly PartView[];
  readonly parentId: string;
  /** The run that writes it; empty for people's messages. */
  readonly runId: string;
  readonly stepId: string;
  /** Ids of this message and those that are other versions of it, oldest first. */
  readonly versions: readonly string[];
  /** Unix milliseconds of the log's clock; of a pending message, this device's. */
  readonly timeMs: number;
  /** An app's own data, JSON text. */
  readonly metadata: string;
}

export interface PartView {
  readonly id: string;
  readonly kind: PartKind;
  readonly text: string;
  readonly done: boolean;
  /** Tool, data type, title of a source or file name. */
  readonly name: string;
  readonly callId: string;
  readonly url: string;
  readonly mediaType: string;
  /** A small file's content, base64. */
  readonly inline: string;
  readonly sizeBytes: number;
  /** A tool's result is an error. */
  readonly failed: boolean;
  readonly site: ToolSite;
  readonly metadata: string;
  readonly annotations: readonly AnnotationJson[];
}

export interface RunView {
  readonly id: string;
  /** `requested` also while the request is on its way. */
  readonly phase: RunPhase;
  readonly agent: string;
  readonly inputMessageId: string;
  readonly requestedBy: string;
  /** How many attempts there have been; more than one: an agent crashed and another went on. */
  readonly attempts: number;
  readonly instance: string;
  readonly suspended: SuspendReason;
  readonly steps: readonly StepView[];
  readonly progress: ProgressView | undefined;
  /** JSON text. */
  readonly result: string;
  /** Why it failed. */
  readonly code: string;
  readonly message: string;
  readonly requestedMs: number;
  readonly acceptedMs: number;
  readonly endedMs: number;
}

export interface StepView {
  readonly id: string;
  readonly key: string;
  readonly label: string;
  readonly parentStepId: string;
  readonly phase: StepPhase;
  readonly result: string;
  readonly error: string;
  readonly startedMs: number;
  readonly endedMs: number;
}

export interface ProgressView {
  readonly stepId: string;
  readonly label: string;
  /** 0 to 1; undefined: unknown. */
  readonly fraction: number | undefined;
  /** As the agent estimated at `timeMs`; undefined: unknown. */
  readonly etaMs: number | undefined;
  readonly timeMs: number;
}

export interface MemberView {
  readonly member: string;
  readonly participant: string;
  readonly role: Role;
  readonly name: string;
  readonly device: string;
  readonly watching: boolean;
  /** This connection. */
  readonly self: boolean;
}

export interface AgentView {
  readonly agent: string;
  readonly instance: string;
  readonly participant: string;
  readonly presence: AgentPresence;
  readonly description: string;
  /** While busy: how long its loop has been blocked. */
  readonly busyDelayMs: number;
}

export interface RequestView {
  readonly id: string;
  readonly runId: string;
  readonly kind: RequestKind;
  readonly title: string;
  readonly text: string;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  /** JSON Schema of the answer, or a tool's input; JSON text. */
  readonly schema: string;
  readonly url: string;
  readonly callId: string;
  /** Who may answer. */
  readonly roles: readonly Role[];
  /** When it expires, Unix milliseconds of the log's clock; 0: never. */
  readonly dueMs: number;
}

export interface ControlView {
  readonly id: string;
  readonly kind: ControlKind;
  readonly runId: string;
  readonly text: string;
  /** The message that says it; empty: none. */
  readonly messageId: string;
  readonly by: string;
  readonly receipt: ReceiptLevel;
  /** Why it was refused. */
  readonly code: string;
}

export interface TakeoverView {
  readonly id: string;
  /** `requested`: nobody has come yet. `claimed`: `holder` has the floor, and agents wait. */
  readonly phase: TakeoverPhase;
  readonly reason: string;
  /** For staff; empty for others. */
  readonly summary: string;
  readonly urgency: Urgency;
  readonly team: string;
  /** Participant that asked; empty: nobody did. */
  readonly requestedBy: string;
  /** Participant that has the floor. */
  readonly holder: string;
  /** This participant has it. */
  readonly self: boolean;
  /** What the one who had it before left; for staff. */
  readonly note: string;
  /** When the request expires, Unix milliseconds of the log's clock; 0: never. */
  readonly dueMs: number;
}

export interface DocumentView {
  readonly id: string;
  readonly name: string;
  /** The JSON, parsed once; not to be changed. */
  readonly value: unknown;
  readonly audience: Audience;
  readonly changedBy: string;
  /** Seq of the last change. */
  readonly changed: number;
  readonly timeMs: number;
}

export interface BudgetView {
  /** Empty: in tokens. */
  readonly currency: string;
  readonly phase: BudgetPhase;
  /** In millionths of the currency, or tokens; for staff, 0 for others. */
  readonly limit: number;
  /** When it was warned of, or found exhausted; for staff. */
  readonly spent: number;
}
