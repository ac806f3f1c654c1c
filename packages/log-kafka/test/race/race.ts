// Writers against disturbances, judged by kafkajs.
import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import type { ProxiedBrokers } from "../../../../tools/kafka/proxied-brokers.ts";
import type { OpenClient } from "./clients.ts";
import type { Disturb } from "./disturbances.ts";
import { type Judgement, judge } from "./judge.ts";
import { EIGHT_WRITERS, type Race, writeAll } from "./writers.ts";

export interface RaceResult extends Judgement {
  /** Connections that were cut on the way. */
  readonly cuts: number;
}

/** Runs one race on a topic of its own. */
export async function runRace(
  place: ProxiedBrokers,
  open: OpenClient,
  disturb: Disturb,
  race: Race = EIGHT_WRITERS,
): Promise<RaceResult> {
  const { addresses, proxies } = place;
  const topicPrefix = `race-${randomUUID().slice(0, 8)}.`;
  const topic = "entries";
  await createTopic(place, topicPrefix + topic, race.partitions);
  const client = await open({ brokers: addresses, topicPrefix, topic });
  const ending = new AbortController();
  const cutBefore = cutsOf(proxies);
  const disturbing = disturb(place, ending.signal);
  const sent = await writeAll(client, race);
  ending.abort();
  await disturbing;
  const cuts = cutsOf(proxies) - cutBefore;
  await client.close();
  return { ...(await judge(addresses, topicPrefix + topic, sent)), cuts };
}

const cutsOf = (proxies: ProxiedBrokers["proxies"]): number => proxies.reduce((sum, { cutCount }) => sum + cutCount, 0);

async function createTopic({ addresses }: ProxiedBrokers, topic: string, numPartitions: number): Promise<void> {
  const admin = new Kafka({ brokers: [...addresses], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const replicationFactor = Math.min(3, addresses.length);
  const configEntries = [{ name: "min.insync.replicas", value: String(Math.min(2, addresses.length)) }];
  await admin.createTopics({
    topics: [{ topic, numPartitions, replicationFactor, configEntries }],
    waitForLeaders: true,
  });
  await admin.disconnect();
}
