import type { Accepted, SessionState, Verdict } from "@perdure/core";
import type { Appended } from "@perdure/log";
import type { PageJson, RecordJson } from "@perdure/protocol";

/**
 * What edge and ingest see of the log: sessions held as folds, kept current by following partitions. A partition is
 * followed from the first attach to some time after the last detach.
 */
export interface Replica {
  /**
   * Holds the session `tenant/id` (head, then the ring's records past it) and tells `listener` what follows. All
   * callers of one session share one fold, which at return has everything that was acknowledged, by whomever, before
   * the call. The listener may hear of a record before the caller goes on: that one is in `held.state` too. Throws
   * PerdureError: `catching_up`, `unavailable` (both with retryAfterMs),
   * `history_lost`, `set_aside`, `rules_too_new`.
   */
  attach(sessionKey: string, listener: SessionListener): Promise<HeldSession>;

  /**
   * An older page of a session; undefined where there is none with that number. Throws PerdureError: `catching_up`
   * where it was shed and is not in the log yet, `unavailable`.
   */
  readPage(sessionKey: string, epoch: number, pageNumber: number): Promise<PageJson | undefined>;

  /**
   * Appends what this node has to say of a session that it does not follow, and whose verdict it does not wait for.
   * Throws LogError: nothing is known to be stored.
   */
  append(sessionKey: string, record: RecordJson): Promise<Appended>;

  /** Starts nothing new, lets go of every session with `onLost("unavailable")`, tail and timer. The log stays open. */
  close(): Promise<void>;
}

export interface SessionListener {
  /** Called in log order, synchronously with the fold: `held.state` is exactly at this record. */
  onAccepted(accepted: Accepted): void;
  /** The session can no longer be followed here; the hold is over. Clients are told the code and attach again. */
  onLost(code: string): void;
}

export interface HeldSession {
  readonly sessionKey: string;
  /** Read only; changes under its reader as records arrive, never within a tick of the caller's own code. */
  readonly state: SessionState;
  /** The accepted records after `seq` that the ring still has, oldest first; undefined: the ring starts later. */
  acceptedSince(seq: number): readonly Accepted[] | undefined;
  /** Appends a record whose actor is filled in. */
  publish(record: RecordJson): Publication;
  detach(): void;
}

export interface Publication {
  /** In the log. Rejects with LogError: nothing is known to be stored. */
  readonly stored: Promise<Appended>;
  /** Judged by this node's own fold, at the record's offset. Rejects when the session is lost before that. */
  readonly applied: Promise<Verdict>;
}
