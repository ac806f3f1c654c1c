// The log against the clients: what they were acknowledged and shown has to follow from the records alone.
import { join } from "node:path";
import { canonical, toHead } from "@perdure/core";
import { openEmbeddedLog } from "@perdure/log-embedded";
import { KafkaTopics } from "../support/kafka-topics.ts";
import { TENANT } from "../support/servers.ts";
import { answerTo } from "./answer.ts";
import type { Fleet } from "./fleet.ts";
import type { RoomAsked } from "./orders.ts";
import { type Stored, storedSession, type StoredRecord } from "./stored.ts";

export interface LogFindings {
  readonly complaints: readonly string[];
  /** How often each verdict was given. */
  readonly verdicts: ReadonlyMap<string, number>;
}

const EMBEDDED_PARTITIONS = 8;
/** The last ones have only just left. */
const GOODBYES_MS = 10_000;
const READ_BYTES = 4 * 1024 * 1024;

/** On Kafka, read by kafkajs. The embedded log is opened here: its server must have ended. */
export async function checkLog(fleet: Fleet, rooms: readonly RoomAsked[]): Promise<LogFindings> {
  if (fleet.kafka === undefined) return checkEmbedded(fleet, rooms);
  const limitMs = performance.now() + GOODBYES_MS;
  for (;;) {
    const findings = await checkKafka(fleet, rooms);
    if (findings.complaints.length === 0 || performance.now() > limitMs) return findings;
  }
}

async function checkKafka({ kafka }: Fleet, rooms: readonly RoomAsked[]): Promise<LogFindings> {
  const topics = await KafkaTopics.open(kafka?.brokers ?? "", kafka?.topicPrefix ?? "");
  try {
    const findings = new Findings();
    for (const room of rooms) {
      const key = `${TENANT}/${room.id}`;
      const { fromHead } = await topics.session(key);
      const stored = storedSession(topics.recordsOf(key));
      findings.compare(room, stored);
      findings.expect(`${room.id}: head and records`, canonical(toHead(fromHead)), canonical(toHead(stored.state)));
    }
    return findings;
  } finally {
    await topics.close();
  }
}

async function checkEmbedded({ folder }: Fleet, rooms: readonly RoomAsked[]): Promise<LogFindings> {
  const records = new Map<string, StoredRecord[]>();
  const log = await openEmbeddedLog({ dir: join(folder, "log") });
  for (let partition = 0; partition < EMBEDDED_PARTITIONS; partition += 1) {
    const { start, end } = await log.bounds("events", partition);
    for (let offset = start; offset < end;) {
      for (const { key, value, ...place } of await log.read("events", partition, offset, { maxBytes: READ_BYTES })) {
        const name = new TextDecoder().decode(key);
        if (value !== null) records.set(name, [...(records.get(name) ?? []), { ...place, value }]);
        offset = place.offset + 1;
      }
    }
  }
  await log.close();
  const findings = new Findings();
  for (const room of rooms) findings.compare(room, storedSession(records.get(`${TENANT}/${room.id}`) ?? []));
  return findings;
}

class Findings implements LogFindings {
  readonly complaints: string[] = [];
  readonly verdicts = new Map<string, number>();

  expect(what: string, found: string | undefined, expected: string): void {
    if (found !== expected) this.complaints.push(`in the log, ${what}: ${found} instead of ${expected}`);
  }

  compare({ id, asked }: RoomAsked, { state, answers, questions, verdicts }: Stored): void {
    for (const verdict of verdicts) this.verdicts.set(verdict, (this.verdicts.get(verdict) ?? 0) + 1);
    this.expect(`questions in ${id}`, questions.join(", "), asked.map(({ text }) => text).join(", "));
    for (const { text, runId } of asked) this.expect(`answer of ${runId}`, answers.get(runId), answerTo(text));
    this.expect(`answers in ${id}`, String(answers.size), String(asked.length));
    const here = [
      ...state.members.keys(),
      ...[...state.agents.values()].filter(isThere).map(({ instance }) => instance),
    ];
    this.expect(`who is in ${id} after all have left`, here.join(", "), "");
  }
}

const isThere = ({ presence }: { readonly presence: string }): boolean =>
  presence !== "AGENT_PRESENCE_LEFT" && presence !== "AGENT_PRESENCE_CRASHED";
