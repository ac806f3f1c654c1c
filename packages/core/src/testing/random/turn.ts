import type { AudienceJson, EventJson, RecordJson } from "@perdure/protocol";
import { covers, levelOf } from "../../index.ts";
import { codeOf, type Pen, type Story } from "../story.ts";
import type { Tape } from "./tape.ts";

/** What somebody does next in a random session. */
export interface Turn {
  readonly story: Story;
  readonly tape: Tape;
  readonly pen: Pen;
}

const audiences: readonly AudienceJson[] = ["AUDIENCE_ALL", "AUDIENCE_STAFF", "AUDIENCE_AGENTS"];
export const forAll = { audience: "AUDIENCE_ALL" } as const;

/** Mostly everyone, sometimes fewer, seldom more secret than the writer may be. */
export function audienceFor({ tape, pen }: Turn): AudienceJson {
  if (tape.below(4) > 0) return "AUDIENCE_ALL";
  const level = levelOf(pen.actor.role);
  const own = audiences.filter((audience) => covers(level, audience));
  return tape.of(tape.below(8) === 0 ? audiences : own);
}

/** Writes a record; a writer that the session has forgotten goes on under another producer id. */
export function write(turn: Turn, events: EventJson | readonly EventJson[], fields: RecordJson = {}): void {
  const { story, pen } = turn;
  const result = story.write(pen, events, { audience: audienceFor(turn), ...fields });
  if (codeOf(result) !== "producer_expired") return;
  pen.producer += "_";
  pen.number = 0;
  pen.born = story.state.seq;
}

/** Id of the item that event `index` of the pen's next record begins. */
export const nextId = ({ pen }: Turn, index: number): string => `${pen.producer}:${pen.number + 1}:${index}`;
