import {
  type Accepted,
  type Code,
  fold,
  type FoldResult,
  type Limits,
  LIMITS,
  newSession,
  RULE_BOOK,
  type RuleBook,
  type SessionState,
} from "../index.ts";
import type { ActorJson, EventJson, PageJson, RecordJson, RoleJson } from "@perdure/protocol";

/** An entry of a log that exists only in a test. */
export interface Entry {
  readonly record: RecordJson;
  readonly offset: number;
  readonly timeMs: number;
}

type Fields = Omit<RecordJson, "events">;

/** A writer that counts its own records. */
export interface Pen {
  actor: ActorJson;
  producer: string;
  /** Number of its last record. */
  number: number;
  /** Seq that it had seen when it was made. */
  born: number;
}

const isList = (events: EventJson | readonly EventJson[]): events is readonly EventJson[] => Array.isArray(events);

/** A session in a test: writes records to a log of its own and folds them at once. Its clock is moved by hand. */
export class Story {
  readonly state: SessionState;
  readonly log: Entry[] = [];
  readonly pages: PageJson[] = [];
  readonly accepted: Accepted[] = [];
  timeMs = 1_000_000;
  /** The rules that the code which folds it knows. */
  book: RuleBook;

  constructor(limits: Partial<Limits> = {}, book = RULE_BOOK) {
    this.book = book;
    this.state = newSession({ ...LIMITS, ...limits });
  }

  pen(participant: string, role: RoleJson, { producer = participant, instance = "" } = {}): Pen {
    const actor = { tenant: "acme", participant, role, ...(instance === "" ? {} : { instance }) };
    return { actor, producer, number: 0, born: this.state.seq };
  }

  /** Writes one record under the pen's next number. */
  write(pen: Pen, events: EventJson | readonly EventJson[], fields: Fields = {}): FoldResult {
    pen.number += 1;
    return this.send(pen, events, fields);
  }

  /** As `write`, under the pen's current number, which `fields` may overrule. */
  send(pen: Pen, events: EventJson | readonly EventJson[], fields: Fields = {}): FoldResult {
    const { actor, producer, number, born } = pen;
    const list = isList(events) ? [...events] : [events];
    return this.put({ producer, first: number, last: number, born, actor, ...fields, events: list });
  }

  put(record: RecordJson): FoldResult {
    const entry = { record, offset: this.log.length, timeMs: this.timeMs };
    this.log.push(entry);
    const result = fold(this.state, record, entry, this.book);
    if (result.accepted !== undefined) this.accepted.push(result.accepted);
    this.pages.push(...result.pages);
    return result;
  }
}

/** The code of a refusal (also of one that was heard before); `accepted`, `duplicate` or `passed` where there is none. */
export function codeOf({ verdict }: FoldResult): Code | "accepted" | "duplicate" | "passed" {
  if (verdict.kind === "rejected") return verdict.code;
  return verdict.kind === "duplicate" ? (verdict.code ?? "duplicate") : verdict.kind;
}

/** Seq of the last event of an accepted record. */
export function seqOf({ verdict }: FoldResult): number {
  if (verdict.kind !== "accepted") throw new Error(`not accepted: ${JSON.stringify(verdict)}`);
  return verdict.seq;
}

/** A user's message as clients send it: opened, one text, closed. Its id is `producer:number:index`. */
export const said = (pen: Pen, text: string, index = 0): EventJson[] => {
  const messageId = `${pen.producer}:${pen.number + 1}:${index}`;
  return [
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text }, complete: true } },
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
};

/** A story in which a user has asked an agent, and the agent's instance is at work. */
export function storyAtWork(limits: Partial<Limits> = {}) {
  const story = new Story(limits);
  const ann = story.pen("ann", "ROLE_USER");
  const bot = story.pen("bot", "ROLE_AGENT", { instance: "bot-1" });
  const node = story.pen("edge-1", "ROLE_SYSTEM");
  story.write(ann, { sessionCreated: { title: "Trip", policy: { defaultAgent: "planner" } } });
  story.write(ann, { runRequested: {} });
  const runId = "ann:2:0";
  story.write(bot, { agentJoined: { agent: "planner", instance: "bot-1", attachment: "stream-1", node: "ingest-1" } });
  const attempt = seqOf(story.write(bot, { runAccepted: { runId, instance: "bot-1" } }));
  return { story, ann, bot, node, runId, attempt };
}

/** Opens a message of the run with one text part; ids of both. */
export function openText(story: Story, bot: Pen, fields: { runId: string; attempt: number; stepId?: string }) {
  const { runId, attempt, stepId = "" } = fields;
  const messageId = `${bot.producer}:${bot.number + 1}:0`;
  const opened = story.write(
    bot,
    [
      { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId, stepId } },
      { partOpened: { messageId, part: { kind: "PART_KIND_TEXT" } } },
    ],
    { attempt },
  );
  return { messageId, partId: `${bot.producer}:${bot.number}:1`, seq: seqOf(opened) };
}
