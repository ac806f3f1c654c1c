// A session as its records alone tell it, folded from the first one.
import { fold, newSession, type SessionState, toHead } from "@perdure/core";
import { decodeRecord, type MessageStateJson } from "@perdure/protocol";

export interface StoredRecord {
  readonly offset: number;
  readonly timeMs: number;
  readonly value: Uint8Array;
}

export interface Stored {
  readonly state: SessionState;
  /** What runs said, all text parts together, by run; and what people asked, in order. */
  readonly answers: ReadonlyMap<string, string>;
  readonly questions: readonly string[];
  /** How each record was judged: `accepted`, `duplicate`, `passed`, or the code of a refusal. */
  readonly verdicts: readonly string[];
}

export function storedSession(records: readonly StoredRecord[]): Stored {
  const state = newSession();
  const messages: MessageStateJson[] = [];
  const verdicts: string[] = [];
  for (const { value, offset, timeMs } of records) {
    const { verdict, pages } = fold(state, decodeRecord(value), { offset, timeMs });
    verdicts.push(verdict.kind === "rejected" ? verdict.code : verdict.kind);
    for (const page of pages) messages.push(...(page.messages ?? []));
  }
  messages.push(...(toHead(state).messages ?? []));
  const ofRuns = Map.groupBy(messages.filter(isAnswer), ({ runId = "" }) => runId);
  return {
    state,
    answers: new Map([...ofRuns].map(([runId, own]) => [runId, own.map(textOf).join("")])),
    questions: messages.filter(({ role }) => role === "MESSAGE_ROLE_USER").map(textOf),
    verdicts,
  };
}

const isAnswer = ({ role, runId }: MessageStateJson): boolean =>
  role === "MESSAGE_ROLE_ASSISTANT" && runId !== undefined;

const textOf = ({ parts = [] }: MessageStateJson): string =>
  parts.map(({ part }) => (part?.kind === "PART_KIND_TEXT" ? (part.text ?? "") : "")).join("");
