// Writers against disturbances, judged by kafkajs.
import type { ProxiedBrokers } from "../../../../tools/kafka/proxied-brokers.ts";
import type { OpenClient } from "./clients.ts";
import type { Disturb } from "./disturbances.ts";
import { type Judgement, judge, storedIn } from "./judge.ts";
import { createTopic } from "./topic.ts";
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
  const { topicPrefix, topic } = await createTopic(place, race.partitions);
  const client = await open({ brokers: addresses, topicPrefix, topic });
  const ending = new AbortController();
  const cutBefore = cutsOf(proxies);
  const disturbing = disturb(place, ending.signal);
  const sent = await writeAll(client, race);
  ending.abort();
  await disturbing;
  const cuts = cutsOf(proxies) - cutBefore;
  await client.close();
  return { ...judge(await storedIn(addresses, topicPrefix + topic), sent), cuts };
}

const cutsOf = (proxies: ProxiedBrokers["proxies"]): number => proxies.reduce((sum, { cutCount }) => sum + cutCount, 0);
