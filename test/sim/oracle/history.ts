import { type Accepted, canonical, fold, newSession, type SessionState, toHead, type Verdict } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { decodeRecord, type PageJson, type RecordJson } from "@perdure/protocol";
import { entryKeyText } from "@perdure/replica";
import type { BrokerPartition } from "../log/broker-partition.ts";

/** One record of the log and what becomes of it. */
export interface Judged {
  readonly offset: number;
  readonly timeMs: number;
  readonly record: RecordJson;
  readonly verdict: Verdict;
  readonly accepted: Accepted | undefined;
}

/** One session as the whole log tells it, from the first record on. */
export class History {
  readonly sessionKey: string;
  readonly partition: number;
  readonly judged: Judged[] = [];
  readonly pages: PageJson[] = [];
  readonly state: SessionState = newSession();
  /** By offset: the state's canonical text, where somebody wanted to compare. */
  readonly #texts = new Map<number, string>();
  /** By seq: called with the state as it is there. */
  readonly #onSeq = new Map<number, ((state: SessionState) => void)[]>();

  constructor(sessionKey: string, partition: number) {
    this.sessionKey = sessionKey;
    this.partition = partition;
  }

  textAt(offset: number): string | undefined {
    return this.#texts.get(offset);
  }

  whenAt(seq: number, call: (state: SessionState) => void): void {
    const calls = this.#onSeq.get(seq) ?? [];
    calls.push(call);
    this.#onSeq.set(seq, calls);
  }

  take(entry: { offset: number; timeMs: number; value: Uint8Array }, wantsText: boolean): void {
    const { offset, timeMs } = entry;
    const record = decodeRecord(entry.value);
    const { verdict, accepted, pages } = fold(this.state, record, { offset, timeMs }, NEXT_RULE_BOOK);
    this.judged.push({ offset, timeMs, record, verdict, accepted });
    this.pages.push(...pages);
    if (wantsText) this.#texts.set(offset, canonical(toHead(this.state)));
    if (accepted === undefined || accepted.seq === 0) return;
    for (const call of this.#onSeq.get(this.state.seq) ?? []) call(this.state);
  }
}

/** What is to be compared on the way. */
export interface Wanted {
  /** Offsets of a session at which its state is compared. */
  readonly offsets: ReadonlyMap<string, ReadonlySet<number>>;
  readonly prepare: (history: History) => void;
}

/** Folds the whole log, whatever of it has been trimmed meanwhile. */
export function foldAll(partitions: readonly BrokerPartition[], { offsets, prepare }: Wanted): Map<string, History> {
  const histories = new Map<string, History>();
  for (const { archive, index } of partitions) {
    for (const { offset, timeMs, value, key } of archive) {
      if (value === null) continue;
      const sessionKey = entryKeyText({ key });
      let history = histories.get(sessionKey);
      if (history === undefined) {
        history = new History(sessionKey, index);
        histories.set(sessionKey, history);
        prepare(history);
      }
      history.take({ offset, timeMs, value }, offsets.get(sessionKey)?.has(offset) === true);
    }
  }
  return histories;
}
