import type { ActorJson, AudienceJson, EventJson, PageJson, RecordJson } from "@perdure/protocol";
import type { Code } from "./codes.ts";

/** Where a record lies in its partition, and when the log took it in (Unix milliseconds, the log's clock). */
export interface Position {
  readonly offset: number;
  readonly timeMs: number;
}

/** What the session decided about a record. `seq` is the session's seq afterwards, unless said otherwise. */
export type Verdict =
  /** `seq`: of the record's last event; `first`: of its first. */
  | { readonly kind: "accepted"; readonly first: number; readonly seq: number }
  /** Judged before; `code` is the original refusal, absent where it was accepted. */
  | { readonly kind: "duplicate"; readonly seq: number; readonly code?: Code }
  | Refused
  /** Ephemeral, and allowed: handed on, moves nothing. */
  | { readonly kind: "passed"; readonly seq: number };

export interface Refused {
  readonly kind: "rejected";
  readonly code: Code;
  readonly seq: number;
  /** With `producer_gap`: the number to go on from. */
  readonly expected?: number;
  /** With `already_decided`: the participant or instance that was first. */
  readonly winner?: string;
}

/** A record that was accepted (or passed), as readers get it; `events` may be fewer or shorter than what was written. */
export interface Accepted {
  /** Seq of the first event; event i has seq + i. 0 for ephemeral ones. */
  readonly seq: number;
  readonly count: number;
  readonly timeMs: number;
  readonly producer: string;
  /** First number of the record: item ids are `producer:number:index`. */
  readonly number: number;
  readonly actor: ActorJson;
  readonly attempt: number;
  readonly audience: AudienceJson;
  /** Only of the record that created the session: the epoch of the life that began. */
  readonly epoch?: number;
  /** Empty where the reader's level does not cover the audience. */
  readonly events: readonly EventJson[];
}

export interface FoldResult {
  readonly verdict: Verdict;
  /** Present where the verdict is accepted or passed. */
  readonly accepted?: Accepted;
  /** What left the state with this record: closed messages and what was settled. The keeper writes them, others drop them. */
  readonly pages: readonly PageJson[];
}

/** What a reader may see: `all` < `staff` < `agents`. */
export type Level = "all" | "staff" | "agents";

/** A derived record that is due: what the keeper appends, with a cause. Events of one entry belong into one record. */
export interface Due {
  /** Log time from which the fold accepts it, Unix milliseconds. */
  readonly atMs: number;
  readonly causeSeq: number;
  /** What the record must carry: the audience of the item it changes. */
  readonly audience: AudienceJson;
  readonly events: readonly EventJson[];
}

/** A record as a writer hands it in, before a node has filled in the actor. */
export type RecordDraft = Omit<RecordJson, "actor">;

/** What the keeper of a run's session owes to the run's pool. Idempotent by the event's RunRef. */
export interface PoolSignal {
  readonly agent: string;
  readonly event: EventJson;
}
