import { decodeRecord, encodeRecord, type EventJson, type RecordJson } from "@perdure/protocol";
import { fold, newSession, type SessionState } from "@perdure/core";

/** A record in the log's form, and where it lies. */
export interface Written {
  readonly value: Uint8Array;
  readonly offset: number;
}

export const benchTenant = "bench";
const agentInstance = "0123456789abcdef";
/** Ids are as long as those that the SDKs make. */
const personProducer = "fedcba9876543210fedcba9876543210";
const agentProducer = "0123456789abcdef0123456789abcdef";
const startMs = 1_700_000_000_000;

const people = { tenant: benchTenant, participant: "ann", role: "ROLE_USER" } as const;
const agents = { tenant: benchTenant, participant: "bot", role: "ROLE_AGENT", instance: agentInstance } as const;

/** Creates a session. Its offset in the log is the session's epoch. */
export const creation: RecordJson = {
  producer: personProducer,
  first: 1,
  last: 1,
  actor: people,
  audience: "AUDIENCE_ALL",
  events: [{ sessionCreated: { title: "Trip", policy: { defaultAgent: "bench" } } }],
};

/**
 * The records of one session behind its `creation`, as clients and agents write them. Each is folded here too, to know
 * ids and seqs; what others write into the session meanwhile must come after `ask`.
 */
export class WrittenSession {
  readonly state: SessionState = newSession();
  #person = 1;
  #agent = 0;
  #offset: number;
  #runId = "";
  #attempt = 0;
  #messageId = "";
  #partId = "";
  #length = 0;

  constructor(epoch = 0) {
    this.#offset = epoch;
    this.#fold(encodeRecord(creation));
  }

  /** An agent joins. */
  join(): Written[] {
    const joined = { agent: "bench", instance: agentInstance, attachment: "stream-1", node: "ingest-1" };
    return [this.#byAgent([{ agentJoined: joined }])];
  }

  /** A person asks; the agent takes the run and opens its answer. */
  ask(question: string): Written[] {
    const messageId = `${personProducer}:${this.#person + 1}:0`;
    const asked = this.#byPerson([
      { messageOpened: { role: "MESSAGE_ROLE_USER" } },
      { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text: question }, complete: true } },
      { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
      { runRequested: { inputMessageId: messageId } },
    ]);
    this.#runId = `${personProducer}:${this.#person}:3`;
    const accepted = this.#byAgent([{ runAccepted: { runId: this.#runId, instance: agentInstance } }]);
    this.#attempt = this.state.seq;
    return [asked, accepted, this.#openAnswer()];
  }

  /** The agent writes a little more of its answer. */
  token(text: string): Written {
    const at = this.#length;
    this.#length += text.length;
    return this.#byAgent([{ partAppended: { partId: this.#partId, at, text } }]);
  }

  /** The answer and its run end. */
  finish(): Written[] {
    const { partId, messageId, runId } = { partId: this.#partId, messageId: this.#messageId, runId: this.#runId };
    const closed = this.#byAgent([
      { partClosed: { partId, finish: "FINISH_REASON_STOP" } },
      { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
      { runCompleted: { runId } },
    ]);
    this.#attempt = 0;
    return [closed];
  }

  #openAnswer(): Written {
    this.#messageId = `${agentProducer}:${this.#agent + 1}:0`;
    this.#partId = `${agentProducer}:${this.#agent + 1}:1`;
    this.#length = 0;
    return this.#byAgent([
      { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT", runId: this.#runId } },
      { partOpened: { messageId: this.#messageId, part: { kind: "PART_KIND_TEXT" } } },
    ]);
  }

  #byPerson(events: EventJson[]): Written {
    this.#person += 1;
    return this.#write({ producer: personProducer, first: this.#person, last: this.#person, actor: people, events });
  }

  #byAgent(events: EventJson[]): Written {
    this.#agent += 1;
    return this.#write({
      producer: agentProducer,
      first: this.#agent,
      last: this.#agent,
      born: 1,
      actor: agents,
      ...(this.#attempt > 0 && { attempt: this.#attempt }),
      epoch: String(this.state.epoch ?? 0),
      events,
    });
  }

  #write(record: RecordJson): Written {
    const value = encodeRecord({ audience: "AUDIENCE_ALL", ...record });
    return { value, offset: this.#fold(value) };
  }

  #fold(value: Uint8Array): number {
    const offset = this.#offset++;
    const { verdict } = fold(this.state, decodeRecord(value), { offset, timeMs: startMs + offset });
    if (verdict.kind === "accepted") return offset;
    throw new Error(`the bench wrote a record that is not taken: ${JSON.stringify(verdict)}`);
  }
}

/** One turn of a conversation: a question and an answer of so many tokens. */
export function turn(session: WrittenSession, tokenCount: number): Written[] {
  const records = session.ask("What would a trip to the coast cost in spring, and is there a train that goes there?");
  for (let index = 0; index < tokenCount; index += 1) records.push(session.token(tokenText(index)));
  return [...records, ...session.finish()];
}

/** About as long as a model's token, and never twice the same in a row. */
export const tokenText = (index: number): string => `word${index % 10} `;
