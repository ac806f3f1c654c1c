// Eight writers at once, each of whom remembers what was acknowledged.
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientUnderTest } from "./clients.ts";

export interface Entry {
  readonly writer: number;
  readonly number: number;
}

/** What a writer sent, and what came of it. */
export interface Sent {
  readonly sent: number;
  readonly acknowledged: readonly Entry[];
  /** Failed, with what was said: such an entry may stand in the log or not. */
  readonly refused: readonly string[];
}

export interface Race {
  readonly writers: number;
  readonly entriesPerWriter: number;
  readonly partitions: number;
  /** Between two sends of one writer, in milliseconds; nobody waits for an acknowledgement before the next. */
  readonly everyMs: number;
  /** How long an answer to the last of them is waited for, in milliseconds. */
  readonly patienceMs: number;
}

export const EIGHT_WRITERS: Race = { writers: 8, entriesPerWriter: 400, partitions: 4, everyMs: 2, patienceMs: 90_000 };

/** Of nobody: it does not count. */
export const GREETING: Entry = { writer: -1, number: 0 };

export const textOf = ({ writer, number }: Entry): string => `${writer}:${number}`;

export function entryOf(text: string): Entry {
  const [writer = -1, number = -1] = text.split(":").map(Number);
  return { writer, number };
}

/** Resolves when every entry has been acknowledged or refused, or nobody waits for that any more. */
export async function writeAll(client: ClientUnderTest, race: Race): Promise<Sent> {
  const acknowledged: Entry[] = [];
  const refused: string[] = [];
  const writing = Array.from({ length: race.writers }, async (_, writer) => {
    const waiting: Promise<unknown>[] = [];
    for (let number = 0; number < race.entriesPerWriter; number += 1) {
      const entry = { writer, number };
      const append = client.append(writer % race.partitions, textOf(entry)).then(
        () => acknowledged.push(entry),
        (error: unknown) => refused.push(String(error)),
      );
      waiting.push(append);
      await sleep(race.everyMs);
    }
    await Promise.race([Promise.all(waiting), sleep(race.patienceMs, undefined, { ref: false })]);
  });
  await Promise.all(writing);
  return { sent: race.writers * race.entriesPerWriter, acknowledged, refused };
}
