import { type Log, partitionOf } from "@perdure/log";
import { encodeRecord, type EventJson, keyBytes, sessionKey } from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { benchTenant } from "../session/written-session.ts";

const producer = "0123456789abcdef0123456789abcdef";
const actor = { tenant: benchTenant, participant: "backend", role: "ROLE_SERVICE" } as const;

/** What `flood` writes at once. */
export const floodChunkBytes = 15 * 1024;

/** A session to which a backend writes, straight into the log: a message that grows, and large changes that do not stay. */
export class Stage {
  readonly session: string;
  readonly #log: Log;
  readonly #partitions: number;
  #number = 0;
  #partId = "";
  #length = 0;

  private constructor(log: Log, partitions: number, session: string) {
    this.#log = log;
    this.#partitions = partitions;
    this.session = session;
  }

  static async begin(log: Log, partitions: number, session: string): Promise<Stage> {
    const stage = new Stage(log, partitions, session);
    await stage.#write({ sessionCreated: {} });
    await stage.#write({ messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } });
    await stage.#write({ partOpened: { messageId: `${producer}:2:0`, part: { kind: "PART_KIND_TEXT" } } });
    stage.#partId = `${producer}:3:0`;
    return stage;
  }

  async token(text: string): Promise<void> {
    const at = this.#length;
    this.#length += text.length;
    await this.#write({ partAppended: { partId: this.#partId, at, text } });
  }

  /** Something that everybody is sent and that takes the place of what was there before. */
  async flood(bytes: number): Promise<void> {
    for (let sent = 0; sent < bytes; sent += floodChunkBytes) {
      await this.#write({ sessionUpdated: { metadata: "x".repeat(floodChunkBytes) } });
    }
  }

  async #write(event: EventJson): Promise<void> {
    this.#number += 1;
    const key = sessionKey(benchTenant, this.session);
    const numbers = { first: this.#number, last: this.#number, born: 0 };
    const value = encodeRecord({ producer, ...numbers, actor, audience: "AUDIENCE_ALL", events: [event] });
    const entry = { key: keyBytes(key), value };
    await this.#log.append(TOPICS.events, partitionOf(key, this.#partitions), entry, { lane: key });
  }
}
