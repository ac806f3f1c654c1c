import type { Verdict } from "@perdure/core";
import type { HeadJson, PageJson } from "@perdure/protocol";
import type { AcceptedFrame } from "../../../packages/client/src/mirror.ts";

export type Level = "all" | "staff";

/** What a writer was told of one record. */
export interface Told {
  readonly sessionKey: string;
  readonly producer: string;
  readonly number: number;
  readonly verdict: Verdict;
}

/** What a person was told of one message. */
export interface Sent {
  readonly person: string;
  /** Whether the page that it was said from is still there. */
  readonly isOpen: () => boolean;
  readonly sessionKey: string;
  readonly text: string;
  /** Undefined: nothing yet. `accepted`, or the code of the refusal. */
  outcome: string | undefined;
  messageId: string | undefined;
}

/** What a reader had at one place. */
export interface Seen {
  readonly reader: string;
  readonly sessionKey: string;
  readonly epoch: number;
  readonly seq: number;
  readonly level: Level;
  readonly how: string;
  readonly head: HeadJson;
}

/** A session's state and all its past, as somebody found them page by page. */
export interface Walked {
  readonly sessionKey: string;
  readonly level: Level;
  readonly head: HeadJson;
  /** From the first on. */
  readonly pages: readonly PageJson[];
}

/** A message, with its text, or a run, with its phase. */
export interface ShownItem {
  readonly id: string;
  readonly says: string;
}

/** A session as a page showed it, with all of its past. */
export interface Whole {
  readonly reader: string;
  readonly sessionKey: string;
  readonly seq: number;
  readonly level: Level;
  readonly messages: readonly ShownItem[];
  readonly runs: readonly ShownItem[];
}

/** A record as it reached a reader. */
export interface Heard {
  readonly reader: string;
  readonly sessionKey: string;
  readonly epoch: number;
  readonly level: Level;
  readonly frame: AcceptedFrame;
}

/** All that writers and readers learnt in a run, to be held against the log. */
export class Recorder {
  readonly told: Told[] = [];
  readonly sent: Sent[] = [];
  readonly seen: Seen[] = [];
  readonly heard: Heard[] = [];
  readonly walked: Walked[] = [];
  readonly wholes: Whole[] = [];
  /** What was wrong at once, wherever it was seen. */
  readonly faults: string[] = [];

  /** By session: how often its counter was told to be counted up, and how often that was asked for. */
  readonly counts = new Map<string, { told: number; asked: number }>();

  counting(key: string): void {
    this.#countsOf(key).asked += 1;
  }

  counted(key: string): void {
    this.#countsOf(key).told += 1;
  }

  #countsOf(key: string): { told: number; asked: number } {
    const known = this.counts.get(key) ?? { told: 0, asked: 0 };
    this.counts.set(key, known);
    return known;
  }

  fault(text: string): void {
    if (this.faults.length < 20) this.faults.push(text);
  }
}
