import { canonical } from "@perdure/core";
import type { Entry } from "@perdure/log";
import {
  decodeHead,
  decodeIndexEntry,
  decodePage,
  decodeWatermark,
  parsePageKey,
  WATERMARK_KEY,
} from "@perdure/protocol";
import { entryKeyText, TOPICS } from "@perdure/replica";
import { PageReader } from "../../../packages/replica/src/page-reader.ts";
import type { Broker } from "../log/broker.ts";
import type { StoredEntry } from "../log/broker-partition.ts";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

/** Readers see it: committed, or written beside any checkpoint. */
const wasCommitted = ({ transaction }: StoredEntry): boolean =>
  transaction === undefined || transaction.state === "committed";

/** Offsets at which heads say that they cover a session. */
export function coveredOffsets(broker: Broker): Map<string, Set<number>> {
  const offsets = new Map<string, Set<number>>();
  for (const { archive } of broker.partitions(TOPICS.heads)) {
    for (const entry of archive) {
      if (entry.value === null) continue;
      const key = entryKeyText(entry);
      const known = offsets.get(key) ?? new Set();
      known.add(Number(decodeHead(entry.value).covered ?? 0));
      offsets.set(key, known);
    }
  }
  return offsets;
}

/** Same log, same state: every head that was ever written is what the whole log says at its offset. */
export function checkHeads(broker: Broker, histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const { archive, index } of broker.partitions(TOPICS.heads)) {
    for (const entry of archive.filter(wasCommitted)) {
      if (entry.value === null) continue;
      const key = entryKeyText(entry);
      const head = decodeHead(entry.value);
      const covered = Number(head.covered ?? 0);
      const expected = histories.get(key)?.textAt(covered);
      if (expected === undefined)
        findings.add("same state", `a head of ${key} covers ${covered}, which is no record of it`);
      else if (canonical(head) !== expected) {
        findings.add(
          "same state",
          `the head of ${key} at ${covered} (heads[${index}]@${entry.offset}) is not what the log says`,
        );
      }
    }
  }
}

/** Kept: whatever a watermark passes is covered by the head that the index names at that moment. */
export function checkWatermarks(broker: Broker, histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const { archive, index } of broker.partitions(TOPICS.index)) {
    const told: Told = { covered: new Map(), unjudged: new Map() };
    const own = [...histories.values()].filter(({ partition }) => partition === index);
    let watermark = -1;
    for (const entry of archive.filter(wasCommitted)) {
      if (entry.value === null) continue;
      const key = entryKeyText(entry);
      if (key !== WATERMARK_KEY) {
        checkEntry(broker, index, key, entry.value, told, findings);
        continue;
      }
      const next = Number(decodeWatermark(entry.value).covered ?? 0);
      if (next < watermark)
        findings.add("kept", `the watermark of partition ${index} went back from ${watermark} to ${next}`);
      watermark = next;
      for (const history of own) checkPassed(history, watermark, told, findings);
    }
    checkTrims(broker, index, findings);
    const trimmed = broker.partition(TOPICS.events, index).start;
    if (trimmed > watermark + 1)
      findings.add("kept", `events[${index}] begin at ${trimmed}, past watermark ${watermark}`);
  }
}

/** What the index of a partition says of its sessions at a time. */
interface Told {
  readonly covered: Map<string, number>;
  /** From where on a keeper has judged nothing, because it does not know the rules: that is not trimmed. */
  readonly unjudged: Map<string, number>;
}

function checkPassed(
  { sessionKey, partition, judged }: History,
  watermark: number,
  told: Told,
  findings: Findings,
): void {
  const covered = told.covered.get(sessionKey) ?? -1;
  const unjudged = told.unjudged.get(sessionKey) ?? Infinity;
  const passed = judged.find(({ offset }) => offset > covered && offset <= watermark && offset < unjudged)?.offset;
  if (passed === undefined) return;
  findings.add(
    "kept",
    `watermark ${watermark} of partition ${partition} passes ${sessionKey}@${passed}, which no head covers`,
  );
}

/** What was trimmed was covered at that time. */
function checkTrims(broker: Broker, partition: number, findings: Findings): void {
  for (const { start, covered } of broker.partition(TOPICS.events, partition).trims) {
    if (start > covered + 1)
      findings.add("kept", `events[${partition}] were trimmed to ${start}, and ${covered} was covered`);
  }
}

function checkEntry(
  broker: Broker,
  partition: number,
  key: string,
  value: Uint8Array,
  { covered, unjudged }: Told,
  findings: Findings,
): void {
  const entry = decodeIndexEntry(value);
  if (entry.setAside !== undefined) return findings.add("kept", `${key} was set aside at ${entry.setAside}`);
  if (entry.unjudgedFrom === undefined) unjudged.delete(key);
  else unjudged.set(key, Number(entry.unjudgedFrom));
  const at = Number(entry.headOffset ?? 0);
  const head = broker.partition(TOPICS.heads, partition).archive.find(({ offset }) => offset === at);
  const bytes = head?.value ?? undefined;
  const named = bytes === undefined ? undefined : decodeHead(bytes);
  if (head === undefined || entryKeyText(head) !== key || !wasCommitted(head) || named?.covered !== entry.covered) {
    findings.add("kept", `the index of partition ${partition} names heads@${at} for ${key}, which is not its head`);
  }
  const next = Number(entry.covered ?? 0);
  if (next < (covered.get(key) ?? -1)) findings.add("kept", `the index entry of ${key} went back to ${next}`);
  covered.set(key, next);
}

/** Pages: each is what left the state with its number, in the log once its head is, and found by walking back. */
export async function checkPages(
  broker: Broker,
  histories: ReadonlyMap<string, History>,
  findings: Findings,
): Promise<void> {
  for (const { archive } of broker.partitions(TOPICS.pages)) {
    for (const entry of archive.filter(wasCommitted)) {
      const name = parsePageKey(entryKeyText(entry));
      if (entry.value === null || name === undefined) continue;
      const { previous: _previous, ...page } = decodePage(entry.value);
      const shed = histories
        .get(name.sessionKey)
        ?.pages.find((each) => Number(each.epoch ?? 0) === name.epoch && (each.number ?? 0) === name.number);
      if (shed === undefined || canonical(page) !== canonical(shed)) {
        findings.add("resume", `page ${name.number} of ${name.sessionKey} is not what left the state`);
      }
    }
  }
  for (const history of histories.values()) await checkWalk(broker, history, findings);
}

/** From the newest page that the index names back to the first, as readers walk. */
async function checkWalk(broker: Broker, { sessionKey, partition, pages }: History, findings: Findings): Promise<void> {
  const entries = broker.partition(TOPICS.index, partition).archive.filter(wasCommitted);
  const value = entries.findLast((entry) => entryKeyText(entry) === sessionKey)?.value;
  if (value === null || value === undefined) return;
  const index = decodeIndexEntry(value);
  const { archive } = broker.partition(TOPICS.heads, partition);
  const head = archive.find(({ offset }) => offset === Number(index.headOffset ?? 0))?.value;
  const count = head === null || head === undefined ? 0 : (decodeHead(head).nextPage ?? 0);
  const reader = new PageReader({ read: (topic, of, offset) => Promise.resolve(readFrom(broker, topic, of, offset)) });
  for (let number = count - 1; number >= 0; number -= 1) {
    const wanted = { partition, sessionKey, epoch: Number(index.epoch ?? 0), number };
    const found = await reader.read(wanted, () => Promise.resolve(index));
    const shed = pages[number];
    if (found === undefined || shed === undefined || canonical(found) !== canonical(shed)) {
      return findings.add(
        "resume",
        `${sessionKey} has shed ${count} pages, and page ${number} is not found by walking back`,
      );
    }
  }
}

/** What was committed there and has not been compacted away since. */
function readFrom(broker: Broker, topic: string, partition: number, offset: number): readonly Entry[] {
  return broker.partition(topic, partition).fetch(offset, 1).entries;
}
