import type {
  AgentStateJson,
  AudienceJson,
  BudgetStateJson,
  ControlStateJson,
  DocumentStateJson,
  MemberStateJson,
  MessageStateJson,
  ObserverCountJson,
  ParticipantStateJson,
  PartSpecJson,
  PartStateJson,
  PoolRunJson,
  RequestOpenedJson,
  RequestStateJson,
  RunRefJson,
  RunStateJson,
  SessionInfoJson,
  StepStateJson,
  TakeoverStateJson,
  TombstoneJson,
  UsageTotalJson,
} from "@perdure/protocol";
import type { FollowerLimits } from "./follower-limits.ts";
import type { Limits } from "./limits.ts";

/** A *State message of the schema inside the state: every field there, int64 as number; `Sometimes` may be absent. */
type Item<Json, Int64 extends keyof Json = never, Sometimes extends keyof Json = never> = {
  [Key in Exclude<keyof Json, Sometimes>]-?: Key extends Int64 ? number : Exclude<Json[Key], undefined>;
} & { [Key in Sometimes]?: Exclude<Json[Key], undefined> };

/** What weighs on the session's caps. Settled items may leave for a page. */
export interface Weighed {
  weight: number;
  settled: boolean;
}

export type SessionInfo = Item<SessionInfoJson, "createdMs">;
export type Participant = Item<ParticipantStateJson, never, "role">;
export type Member = Item<MemberStateJson, "joinedMs">;
export type ObserverCount = Item<ObserverCountJson>;
export type Agent = Item<AgentStateJson, "lostMs", "lostReason">;
export type Control = Item<ControlStateJson, "timeMs"> & Weighed;
export type Tombstone = Item<TombstoneJson>;
export type UsageTotal = Item<
  UsageTotalJson,
  "inputTokens" | "outputTokens" | "cacheReadTokens" | "cacheCreationTokens" | "reasoningTokens" | "costMicros"
>;
export type RunRef = Item<RunRefJson, "epoch">;
export type Budget = Item<BudgetStateJson, "limitMicros" | "limitTokens" | "spentMicros" | "spentTokens">;
export type Takeover = Item<
  TakeoverStateJson,
  "dueMs" | "goneMs" | "openedMs" | "claimedMs" | "endedMs",
  "urgency" | "outcome"
> &
  Weighed;
export type Document = Item<DocumentStateJson, "timeMs"> & { weight: number };
export type PoolRun = Omit<Item<PoolRunJson, "offeredMs">, "run"> & { run: RunRef };

export type Message = Omit<Item<MessageStateJson, "timeMs", "finish">, "parts"> & Weighed & { parts: readonly Part[] };

/** The text of a part stands apart from the rest of its content, since it grows by every token. */
export type Part = Omit<Item<PartStateJson, never, "finish">, "part"> & {
  spec: PartSpecJson;
  text: string;
  weight: number;
  message: Message;
};

export type Run = Omit<
  Item<RunStateJson, "requestedMs" | "acceptedMs" | "endedMs", "suspended" | "progress">,
  "steps"
> &
  Weighed & { steps: readonly Step[] };

export type Step = Item<StepStateJson, "startedMs" | "endedMs"> & { weight: number; run: Run };

export type Request = Omit<Item<RequestStateJson, "dueMs", "action">, "request"> &
  Weighed & { request: RequestOpenedJson };

/** Numbers first..last of a producer that were refused with one code. */
export interface Refusal {
  first: number;
  last: number;
  /** One of the table of codes, also of a later version's. */
  code: string;
}

/** One writer, as the ledger knows it. */
export interface Producer {
  readonly id: string;
  readonly participant: string;
  /** Last number judged. */
  last: number;
  /** Seq of the session when that was. */
  seq: number;
  refused: Refusal[];
}

/** Writers by their id, the one silent for longest first. */
export interface Ledger {
  readonly producers: Map<string, Producer>;
  floor: number;
  /** Ranges in all `refused` lists. */
  refusals: number;
}

/**
 * The folded state of a session, as those have it who follow it. Owned by one holder and changed in place, by `fold`,
 * `applyAccepted` and `mergePatch` only; others read. Maps keep the order of creation. Below `limits` stands what
 * follows from the rest.
 */
export interface FollowedState {
  /** Undefined: the name has no life yet. */
  epoch: number | undefined;
  covered: number;
  seq: number;
  timeMs: number;
  /** Version of the rules by which the next record is judged. */
  rules: number;
  shedSeq: number;
  nextPage: number;
  info: SessionInfo;
  readonly ledger: Ledger;
  readonly participants: Map<string, Participant>;
  readonly members: Map<string, Member>;
  /** By node: observers that are no members. */
  readonly observers: Map<string, ObserverCount>;
  /** By instance. */
  readonly agents: Map<string, Agent>;
  readonly messages: Map<string, Message>;
  readonly runs: Map<string, Run>;
  readonly controls: Map<string, Control>;
  readonly requests: Map<string, Request>;
  /** By `session:epoch:run seq`. */
  readonly pool: Map<string, PoolRun>;
  readonly takeovers: Map<string, Takeover>;
  readonly documents: Map<string, Document>;
  /** By currency; empty: in tokens. */
  readonly budgets: Map<string, Budget>;
  /** By provider, model, currency and audience. */
  readonly usage: Map<string, UsageTotal>;
  readonly responseIds: Set<string>;
  /** By kind and id. */
  readonly tombstones: Map<string, Tombstone>;
  /** Node -> its latest life that is over. */
  readonly expiredNodes: Map<string, number>;

  readonly limits: FollowerLimits;
  readonly parts: Map<string, Part>;
  readonly steps: Map<string, Step>;
  /** Fencing token -> the run whose latest attempt it is. */
  readonly attempts: Map<number, Run>;
  /** Messages that are not settled. */
  readonly heldMessages: Set<Message>;
  heldWeight: number;
  settledWeight: number;
  documentWeight: number;
  /** The writer that was judged last. */
  latestProducer: Producer | undefined;
  /** While a record of several events is being judged: how to take back what it did so far. */
  undo: (() => void)[] | undefined;
}

/** The state of those who judge. */
export interface SessionState extends FollowedState {
  readonly limits: Limits;
}

/** The rules that a life begins under, unless its first record names later ones. */
export const FIRST_RULES = 1;

export const audienceAll: AudienceJson = "AUDIENCE_ALL";

const noInfo = (): SessionInfo => ({
  title: "",
  tags: [],
  policy: {},
  metadata: "",
  createdBy: "",
  createdMs: 0,
  closed: false,
  closedReason: "",
  changed: 0,
});

/** A name without a life yet. */
export function emptyState<Caps extends FollowerLimits>(limits: Caps): FollowedState & { readonly limits: Caps } {
  return {
    epoch: undefined,
    covered: -1,
    seq: 0,
    timeMs: 0,
    rules: FIRST_RULES,
    shedSeq: 0,
    nextPage: 0,
    info: noInfo(),
    ledger: { producers: new Map(), floor: 0, refusals: 0 },
    participants: new Map(),
    members: new Map(),
    observers: new Map(),
    agents: new Map(),
    messages: new Map(),
    runs: new Map(),
    controls: new Map(),
    requests: new Map(),
    pool: new Map(),
    takeovers: new Map(),
    documents: new Map(),
    budgets: new Map(),
    usage: new Map(),
    responseIds: new Set(),
    tombstones: new Map(),
    expiredNodes: new Map(),
    limits,
    parts: new Map(),
    steps: new Map(),
    attempts: new Map(),
    heldMessages: new Set(),
    heldWeight: 0,
    settledWeight: 0,
    documentWeight: 0,
    latestProducer: undefined,
    undo: undefined,
  };
}
