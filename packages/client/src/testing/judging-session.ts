import { fold, newSession, type Verdict } from "@perdure/core";
import type { ActorJson, EventJson } from "@perdure/protocol";
import type { AckFrame } from "@perdure/protocol/frames";
import type { OutboxEntry } from "../outbox-entry.ts";

const ANN: ActorJson = { tenant: "acme", participant: "ann", role: "ROLE_USER" };

/** A session as a server has it: it judges what it is sent by the real rules, one record after the other. */
export class JudgingSession {
  /** The texts of what was accepted, in order. */
  readonly texts: string[] = [];
  /** Those that were there before. */
  readonly doubled: string[] = [];
  readonly #state = newSession();
  #offset = 0;

  constructor() {
    this.judge("server", { number: 1, born: 0, events: [{ sessionCreated: {} }] });
  }

  /** Answers what an edge would tell the writer. */
  judge(producer: string, { number, born, events }: OutboxEntry): AckFrame {
    this.#offset += 1;
    const record = { producer, first: number, last: number, born, actor: ANN, events: [...events] };
    const { verdict, accepted } = fold(this.#state, record, { offset: this.#offset, timeMs: this.#offset });
    for (const text of (accepted?.events ?? []).flatMap(textOf)) {
      if (this.texts.includes(text)) this.doubled.push(text);
      this.texts.push(text);
    }
    return { t: "ack", h: 1, p: producer, n: number, s: verdict.seq, ...refusalOf(verdict) };
  }
}

const textOf = ({ partOpened }: EventJson): string[] =>
  partOpened?.part?.text === undefined ? [] : [partOpened.part.text];

function refusalOf(verdict: Verdict): Partial<AckFrame> {
  if (verdict.kind === "duplicate") return verdict.code === undefined ? {} : { code: verdict.code };
  if (verdict.kind !== "rejected") return {};
  const { code, expected } = verdict;
  return { code, ...(expected !== undefined && { expected }) };
}
