import { toHead } from "@perdure/core";
import { type Log, partitionOf } from "@perdure/log";
import {
  decodeRecord,
  encodeHead,
  encodeIndexEntry,
  encodeRecord,
  encodeWatermark,
  type HeadJson,
  keyBytes,
  sessionKey,
  WATERMARK_KEY,
} from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import type { WrittenSession } from "./written-session.ts";
import { benchTenant, creation, tokenText } from "./written-session.ts";

/** Sessions as a log holds them whose events have long been trimmed: their heads, their index entries, the watermark. */
export interface SeededSession {
  readonly id: string;
  /** What all of them hold, at the time that the head covers. */
  readonly template: WrittenSession;
}

/**
 * Writes the sessions as a keeper leaves them. Heads go out in batches and not in transactions, which makes a hundred
 * thousand of them a matter of seconds, and what a reader gets is the same. Resolves to each session's epoch.
 */
export async function seedHeads(
  log: Log,
  partitions: number,
  sessions: readonly SeededSession[],
): Promise<readonly number[]> {
  const value = encodeRecord(creation);
  const heads = new Map<WrittenSession, HeadJson>();
  for (const { template } of sessions) if (!heads.has(template)) heads.set(template, toHead(template.state));
  const epochs = await appendAll(sessions, async ({ id }) => {
    const key = keyOf(id);
    return (await log.append(TOPICS.events, partitionOf(key, partitions), { key: keyBytes(key), value })).offset;
  });
  await appendAll(sessions, async ({ id, template }, index) => {
    const key = keyOf(id);
    const partition = partitionOf(key, partitions);
    const epoch = String(epochs[index] ?? 0);
    const at = { covered: epoch, epoch, seq: template.state.seq };
    const head = { key: keyBytes(key), value: encodeHead({ ...heads.get(template), ...at }) };
    const { offset } = await log.append(TOPICS.heads, partition, head);
    const entry = encodeIndexEntry({ ...at, headOffset: String(offset) });
    await log.append(TOPICS.index, partition, { key: keyBytes(key), value: entry });
  });
  for (let partition = 0; partition < partitions; partition += 1) await coverAll(log, partition);
  return epochs;
}

async function coverAll(log: Log, partition: number): Promise<void> {
  const { end } = await log.bounds(TOPICS.events, partition);
  const value = encodeWatermark({ covered: String(end - 1) });
  if (end > 0) await log.append(TOPICS.index, partition, { key: keyBytes(WATERMARK_KEY), value });
}

/** What has happened in a session since its head was written: a question and the first tokens of an answer. */
export async function writeSince(
  log: Log,
  partitions: number,
  { id, template }: SeededSession,
  epoch: number,
  tokens: readonly Uint8Array[],
): Promise<void> {
  const key = keyOf(id);
  const partition = partitionOf(key, partitions);
  if (template.state.seq === 0) throw new Error(`${id} has not begun`);
  const values = tokens.map((value) => encodeRecord({ ...decodeRecord(value), epoch: String(epoch) }));
  await Promise.all(
    values.map((value) => log.append(TOPICS.events, partition, { key: keyBytes(key), value }, { lane: key })),
  );
}

/** The records of a question and the first tokens of an answer, behind what the template's head covers. */
export function since(template: WrittenSession, tokenCount: number): readonly Uint8Array[] {
  const records = template.ask("And what has changed since?");
  for (let index = 0; index < tokenCount; index += 1) records.push(template.token(tokenText(index)));
  return records.map(({ value }) => value);
}

const keyOf = (id: string): string => sessionKey(benchTenant, id);
const appendsAtOnce = 4_000;

async function appendAll<Item, Result>(
  items: readonly Item[],
  append: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += appendsAtOnce) {
    const batch = items.slice(from, from + appendsAtOnce);
    results.push(...(await Promise.all(batch.map((item, index) => append(item, from + index)))));
  }
  return results;
}
