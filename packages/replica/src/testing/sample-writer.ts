import type { ActorJson, EventJson, RecordJson, RoleJson } from "@perdure/protocol";

/** Writes records of one participant, numbered as a producer numbers them. */
export class SampleWriter {
  readonly actor: ActorJson;
  readonly producer: string;
  #last = 0;

  constructor(producer: string, role: RoleJson, options: { tenant?: string; instance?: string } = {}) {
    const { tenant = "acme", instance = "" } = options;
    this.producer = producer;
    this.actor = { tenant, participant: `${producer}-person`, role, ...(instance !== "" && { instance }) };
  }

  record(events: EventJson[], more: Partial<RecordJson> = {}): RecordJson {
    this.#last += 1;
    const { producer, actor } = this;
    return { producer, first: this.#last, last: this.#last, actor, audience: "AUDIENCE_ALL", events, ...more };
  }

  /** Id of an item that the last record began, by its place among the record's events. */
  id(index: number): string {
    return `${this.producer}:${this.#last}:${index}`;
  }

  create(title = "a session"): RecordJson {
    return this.record([{ sessionCreated: { title } }]);
  }

  /** A message that is closed at once. */
  say(text: string): RecordJson {
    const messageId = `${this.producer}:${this.#last + 1}:0`;
    return this.record([
      { messageOpened: { role: this.actor.role === "ROLE_AGENT" ? "MESSAGE_ROLE_ASSISTANT" : "MESSAGE_ROLE_USER" } },
      { partOpened: { messageId, part: { kind: "PART_KIND_TEXT", text }, complete: true } },
      { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
    ]);
  }

  /** A message with a part that text can be appended to. Returns the part's id too. */
  begin(): { record: RecordJson; messageId: string; partId: string } {
    const messageId = `${this.producer}:${this.#last + 1}:0`;
    const partId = `${this.producer}:${this.#last + 1}:1`;
    const record = this.record([
      { messageOpened: { role: "MESSAGE_ROLE_USER" } },
      { partOpened: { messageId, part: { kind: "PART_KIND_TEXT" } } },
    ]);
    return { record, messageId, partId };
  }

  append(partId: string, at: number, text: string): RecordJson {
    return this.record([{ partAppended: { partId, at, text } }]);
  }
}
