import { type SessionState, toHead } from "@perdure/core";
import type { Group, Log, Ownership } from "@perdure/log";
import {
  encodeHead,
  encodeIndexEntry,
  encodeWatermark,
  type IndexEntryJson,
  keyBytes,
  WATERMARK_KEY,
} from "@perdure/protocol";
import { TOPICS } from "../topics.ts";

/** Writes heads as a keeper does, when the test says so. */
export class HeadWriter {
  readonly #log: Log;
  readonly #group: Group;
  readonly #ownerships: ReadonlyMap<number, Ownership>;

  private constructor(log: Log, group: Group, ownerships: ReadonlyMap<number, Ownership>) {
    this.#log = log;
    this.#group = group;
    this.#ownerships = ownerships;
  }

  static async join(log: Log): Promise<HeadWriter> {
    const owned = Promise.withResolvers<readonly Ownership[]>();
    const group = await log.joinGroup("keepers", TOPICS.events, {
      onAssigned: owned.resolve,
      onRevoked: () => undefined,
    });
    const ownerships = new Map((await owned.promise).map((ownership) => [ownership.partition, ownership]));
    return new HeadWriter(log, group, ownerships);
  }

  /** Covers the sessions with their states as they are, and the partition up to `watermark`. */
  async write(
    partition: number,
    sessions: Readonly<Record<string, SessionState>>,
    watermark: number,
    more: Partial<IndexEntryJson> = {},
  ): Promise<void> {
    const ownership = this.#ownerships.get(partition);
    if (ownership === undefined) throw new Error(`partition ${partition} is not owned`);
    await this.#log.checkpoint(ownership, async (scope) => {
      for (const [sessionKey, state] of Object.entries(sessions)) {
        const key = keyBytes(sessionKey);
        const head = toHead(state);
        const headOffset = await scope.append(TOPICS.heads, { key, value: encodeHead(head) });
        const { covered = "0", epoch = "0", seq = 0 } = head;
        const entry = { headOffset: String(headOffset), covered, epoch, seq, ...more };
        await scope.append(TOPICS.index, { key, value: encodeIndexEntry(entry) });
      }
      const value = encodeWatermark({ covered: String(watermark) });
      await scope.append(TOPICS.index, { key: keyBytes(WATERMARK_KEY), value });
    });
  }

  async leave(): Promise<void> {
    await this.#group.close();
  }
}
