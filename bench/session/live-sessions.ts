import { type Log, partitionOf } from "@perdure/log";
import { encodeRecord, keyBytes, sessionKey } from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { benchTenant, creation, tokenText, WrittenSession, type Written } from "./written-session.ts";

/** Sessions in which an agent is at work, written straight into a cluster's log. */
export class LiveSessions {
  readonly ids: readonly string[];
  readonly #log: Log;
  readonly #partitions: number;
  readonly #sessions: readonly WrittenSession[];
  #turn = 0;

  private constructor(log: Log, partitions: number, ids: readonly string[], sessions: readonly WrittenSession[]) {
    this.#log = log;
    this.#partitions = partitions;
    this.ids = ids;
    this.#sessions = sessions;
  }

  /** Begins so many sessions; resolves when all are in the log. */
  static async begin(log: Log, partitions: number, name: string, count: number): Promise<LiveSessions> {
    const ids = Array.from({ length: count }, (_, index) => `${name}-${index}`);
    const value = encodeRecord(creation);
    const created = await Promise.all(ids.map((id) => append(log, partitions, id, value)));
    const sessions = created.map(({ offset }) => new WrittenSession(offset));
    const live = new LiveSessions(log, partitions, ids, sessions);
    await Promise.all(
      sessions.map((session, index) => live.#put(index, [...session.join(), ...session.ask("Where to?")])),
    );
    return live;
  }

  /** One token of one of the sessions, by turns; resolves when it is in the log. */
  async token(text?: string): Promise<void> {
    const turn = this.#turn++;
    const index = turn % this.ids.length;
    const session = this.#sessions[index];
    if (session !== undefined) await this.#put(index, [session.token(text ?? tokenText(turn))]);
  }

  async #put(index: number, records: readonly Written[]): Promise<void> {
    const id = this.ids[index] ?? "";
    await Promise.all(records.map(({ value }) => append(this.#log, this.#partitions, id, value)));
  }
}

const append = (log: Log, partitions: number, id: string, value: Uint8Array) => {
  const key = sessionKey(benchTenant, id);
  return log.append(TOPICS.events, partitionOf(key, partitions), { key: keyBytes(key), value }, { lane: key });
};
