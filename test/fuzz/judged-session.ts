import {
  canonical,
  type Code,
  fold,
  fromHead,
  isCode,
  LIMITS,
  newSession,
  type SessionState,
  toHead,
} from "@perdure/core";
import { decodeHead, encodeHead, encodePage, encodeRecord, type RecordJson } from "@perdure/protocol";
import { beyondCaps } from "../../packages/core/src/testing/caps.ts";
import { smallLimits } from "../../packages/core/src/testing/random/session.ts";

/** What the state would be wrong to do. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** Room for the story's writers and the strangers beside them, of whom most are refused. */
const limits = { ...LIMITS, ...smallLimits, producers: 20, refusals: 60, tombstones: 3 };
/** Every so many records the whole state is compared with what its head gives; it costs as much as a hundred records. */
const COMPARED_EVERY = 64;

/** A session with small caps that judges whatever it is given, and is looked at after each record. */
export class JudgedSession {
  readonly state: SessionState = newSession(limits);
  #offset = 0;

  /** The verdict: its kind, or its code. Throws what the fold throws, and Fault. */
  take(record: RecordJson): string {
    const { seq } = this.state;
    this.#offset += 1;
    const position = { offset: this.#offset, timeMs: 1_000_000 + this.#offset * 37 };
    const { verdict, accepted, pages } = fold(this.state, record, position);
    const code = "code" in verdict ? verdict.code : undefined;
    if (code !== undefined && !isCode(code)) throw new Fault(`no code of the table: ${String(code)}`);
    if (verdict.kind !== "accepted" && this.state.seq !== seq) throw new Fault("what was refused moved the seq");
    this.#checkCaps();
    // What others are told of it, and what is kept of it, has to be writable.
    if (accepted !== undefined) encodeRecord({ ...record, events: [...accepted.events] });
    for (const page of pages) encodePage(page);
    if (this.#offset % COMPARED_EVERY === 0) this.compare();
    return code ?? verdict.kind;
  }

  /** Throws Fault where the state is not what its head, stored and read, gives. */
  compare(): void {
    const head = toHead(this.state);
    const again = toHead(fromHead(decodeHead(encodeHead(head)), limits));
    if (canonical(again) !== canonical(head)) throw new Fault("the head gives another state than the records");
  }

  #checkCaps(): void {
    const [first] = beyondCaps(this.state);
    if (first !== undefined) throw new Fault(`past its cap: ${first}`);
  }
}

/** The code of an error that is one of ours. Throws any other. */
export function codeOf(error: unknown): Code {
  if (error instanceof Error && "code" in error && typeof error.code === "string" && isCode(error.code))
    return error.code;
  throw error;
}
