import { setImmediate as nextTurn } from "node:timers/promises";
import { toHead } from "@perdure/core";
import { type CheckpointScope, type Log, LogError, type NewEntry, type Ownership } from "@perdure/log";
import {
  encodeHead,
  encodeIndexEntry,
  encodePage,
  encodeWatermark,
  type IndexEntryJson,
  keyBytes,
  type PageJson,
  pageKey,
  WATERMARK_KEY,
} from "@perdure/protocol";
import { type Clock, type SessionIndex, TOPICS } from "@perdure/replica";
import { indexEntryOf } from "./index-entry.ts";
import type { KeptSession, Uncovered } from "./kept-session.ts";
import type { PageChains } from "./page-chains.ts";
import type { UncoveredSessions } from "./uncovered-sessions.ts";

export interface CheckpointWriterParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly index: SessionIndex;
  readonly chains: PageChains;
  readonly uncovered: UncoveredSessions;
  readonly batchBytes: number;
  /** The highest version of the rules that this process judges by. */
  readonly knownRules: number;
  /** The offset that the tail reads next. */
  readonly next: () => number;
  /** The log does not take the session's head. */
  readonly onStopped: (session: KeptSession) => void;
}

/** What one checkpoint did. */
export interface Checkpointed {
  readonly sessions: number;
  readonly bytes: number;
  readonly watermark: number;
}

/** One session as it goes into a checkpoint. */
interface Capture {
  readonly session: KeptSession;
  readonly uncovered: Uncovered | undefined;
  readonly entry: IndexEntryJson;
  /** Undefined where the session is not folded here: its last good head stays. */
  readonly head: Uint8Array | undefined;
  readonly pages: readonly PageJson[];
  readonly owing: boolean;
}

/** What became of it in the log. */
interface Outcome {
  readonly entry: IndexEntryJson;
  /** Undefined where it wrote no page. */
  readonly chain: readonly number[] | undefined;
}

/** Writes heads, pages, index entries and the watermark of one partition, all or none of them visible. */
export class CheckpointWriter {
  readonly #parts: CheckpointWriterParts;
  #watermark = -1;
  /** Of a checkpoint of which it is not known whether it counts. */
  #doubtfulWatermark = -1;

  constructor(parts: CheckpointWriterParts) {
    this.#parts = parts;
  }

  /** Covers as many of the sessions as fit into one checkpoint. Throws LogError; then nothing is covered. */
  async write(ownership: Ownership, sessions: Iterable<KeptSession>): Promise<Checkpointed> {
    const captures: Capture[] = [];
    const done = { watermark: -1 };
    let outcomes: Outcome[] = [];
    try {
      await this.#parts.log.checkpoint(ownership, async (scope) => {
        const writes = await this.#begin(scope, sessions, captures);
        outcomes = await Promise.all(writes);
        done.watermark = this.#coveredNow();
        const value = encodeWatermark({ covered: String(done.watermark) });
        await scope.append(TOPICS.index, { key: keyBytes(WATERMARK_KEY), value });
      });
    } catch (error) {
      this.#doubtfulWatermark = Math.max(this.#doubtfulWatermark, done.watermark);
      this.#giveBack(captures);
      throw error;
    }
    this.#watermark = done.watermark;
    this.#doubtfulWatermark = -1;
    for (const [at, outcome] of outcomes.entries()) this.#settle(captures[at], outcome);
    return { watermark: done.watermark, sessions: captures.length, bytes: sum(captures.map(sizeBytes)) };
  }

  /**
   * Sessions are captured one a turn, each as it is then, so that the process does other things in between. Those of a
   * checkpoint that failed, and may count all the same, are covered together again: what it said must not be taken back.
   */
  async #begin(
    scope: CheckpointScope,
    sessions: Iterable<KeptSession>,
    captures: Capture[],
  ): Promise<Promise<Outcome>[]> {
    const writes: Promise<Outcome>[] = [];
    let bytes = 0;
    for (const session of sessions) {
      const capture = this.#capture(session);
      captures.push(capture);
      const write = this.#writeSession(scope, capture);
      // Awaited later; an early failure must not end the process before.
      write.catch(() => undefined);
      writes.push(write);
      bytes += sizeBytes(capture);
      if (bytes >= this.#parts.batchBytes && this.#uncoveredFrom() > this.#doubtfulWatermark) break;
      await nextTurn();
    }
    return writes;
  }

  /**
   * All below the first record that came too late for this checkpoint. The watermark does not go back for records that it
   * has passed unjudged: the index says where they are.
   */
  #coveredNow(): number {
    return Math.max(this.#watermark, this.#parts.index.watermark, this.#uncoveredFrom() - 1);
  }

  /** Lowest offset that no head covers, of those that are not being covered. */
  #uncoveredFrom(): number {
    const { uncovered, next } = this.#parts;
    return uncovered.lowest(next());
  }

  #capture(session: KeptSession): Capture {
    const uncovered = session.takeUncovered();
    this.#parts.uncovered.beginCovering(session, uncovered?.bytes ?? 0);
    const { state, setAsideAt } = session;
    if (state === undefined) {
      const unjudged = session.status === "rules_too_new";
      const entry = unjudged ? this.#unjudgedEntry(session, uncovered) : this.#setAsideEntry(session, setAsideAt ?? 0);
      return { session, uncovered, entry, head: undefined, pages: [], owing: false };
    }
    const owing = session.signals.pendingCount > 0;
    const entry = indexEntryOf(state, owing);
    return { session, uncovered, entry, head: encodeHead(toHead(state)), pages: uncovered?.pages ?? [], owing };
  }

  /** Its last good head stays; what comes from `offset` on is not covered by it. */
  #setAsideEntry({ key, entry }: KeptSession, offset: number): IndexEntryJson {
    const { unjudgedFrom: _from, needsRules: _needs, ...known } = entry ?? this.#parts.index.find(key) ?? {};
    return { ...known, setAside: String(offset) };
  }

  /** Its head in the log stays; who knows the rules goes on from the first record that it does not cover. */
  #unjudgedEntry({ key, entry, unjudgedFrom }: KeptSession, uncovered: Uncovered | undefined): IndexEntryJson {
    const known = entry ?? this.#parts.index.find(key) ?? { covered: "-1" };
    const offsets = [known.unjudgedFrom, unjudgedFrom, uncovered?.offset].filter((offset) => offset !== undefined);
    const from = Math.min(...offsets.map(Number));
    return { ...known, unjudgedFrom: String(from), needsRules: this.#parts.knownRules + 1 };
  }

  async #writeSession(scope: CheckpointScope, { session, uncovered, head, pages, entry }: Capture): Promise<Outcome> {
    const key = keyBytes(session.key);
    if (head === undefined) {
      await scope.append(TOPICS.index, { key, value: encodeIndexEntry(entry) });
      return { entry, chain: undefined };
    }
    const chain = await this.#writePages(scope, session.key, pages);
    const pageOffset = chain?.[0] ?? this.#parts.chains.newest(session.key);
    const headOffset = await appendHead(scope, { key, value: head });
    if (headOffset instanceof LogError) return this.#stopTooLarge(scope, session, uncovered?.offset ?? 0, headOffset);
    const written = {
      ...entry,
      headOffset: String(headOffset),
      ...(pageOffset !== undefined && { pageOffset: String(pageOffset) }),
    };
    await scope.append(TOPICS.index, { key, value: encodeIndexEntry(written) });
    return { entry: written, chain };
  }

  /** The log does not take its head. Nothing of it can be covered any more, and the others must not wait for it. */
  async #stopTooLarge(scope: CheckpointScope, session: KeptSession, offset: number, error: LogError): Promise<Outcome> {
    session.stop("set_aside", offset, error);
    this.#parts.onStopped(session);
    const entry = this.#setAsideEntry(session, offset);
    await scope.append(TOPICS.index, { key: keyBytes(session.key), value: encodeIndexEntry(entry) });
    return { entry, chain: undefined };
  }

  /** The offsets of the session's pages, the newest first; undefined where there is none to write. */
  async #writePages(
    scope: CheckpointScope,
    sessionKey: string,
    pages: readonly PageJson[],
  ): Promise<readonly number[] | undefined> {
    const { chains } = this.#parts;
    let chain: readonly number[] | undefined;
    for (const page of pages) {
      const name = { sessionKey, epoch: Number(page.epoch ?? 0), number: page.number ?? 0 };
      chain ??= await chains.before(sessionKey, name.epoch, name.number);
      const value = encodePage({ ...page, previous: chain.map(String) });
      const offset = await scope.append(TOPICS.pages, { key: keyBytes(pageKey(name)), value });
      chain = chains.longer(chain, offset);
    }
    return chain;
  }

  #settle(capture: Capture | undefined, { entry, chain }: Outcome): void {
    if (capture === undefined) return;
    const { session, owing } = capture;
    this.#parts.uncovered.endCovering(session);
    session.entry = entry;
    if (chain !== undefined) this.#parts.chains.written(session.key, chain);
    session.signals.writtenAsOwing = owing;
    if (owing && session.signals.pendingCount === 0) this.#parts.uncovered.markStale(session, this.#parts.clock.now());
  }

  #giveBack(captures: readonly Capture[]): void {
    const nowMs = this.#parts.clock.now();
    const restored = captures.filter(({ session, uncovered }) => {
      this.#parts.uncovered.endCovering(session);
      if (uncovered === undefined) this.#parts.uncovered.markStale(session, nowMs);
      else session.giveBack(uncovered);
      return uncovered !== undefined;
    });
    const bytes = sum(restored.map(({ uncovered }) => uncovered?.bytes ?? 0));
    this.#parts.uncovered.restore(
      restored.map(({ session }) => session),
      bytes,
    );
  }
}

async function appendHead(scope: CheckpointScope, entry: NewEntry): Promise<number | LogError> {
  try {
    return await scope.append(TOPICS.heads, entry);
  } catch (error) {
    if (error instanceof LogError && error.code === "too_large") return error;
    throw error;
  }
}

/** What a session counts for in its checkpoint: its head, and about what its pages take. */
function sizeBytes({ head, uncovered }: Capture): number {
  return (head?.length ?? 0) + (uncovered?.bytes ?? 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
