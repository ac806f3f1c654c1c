// Writers against disturbances, judged by kafkajs.
import { setTimeout as sleep } from "node:timers/promises";
import type { ProxiedBrokers } from "../../../../tools/kafka/proxied-brokers.ts";
import type { OpenClient } from "./clients.ts";
import type { Disturb } from "./disturbances.ts";
import { type Judgement, judge, storedIn } from "./judge.ts";
import { createTopic } from "./topic.ts";
import { EIGHT_WRITERS, GREETING, type Race, textOf, writeAll } from "./writers.ts";

export interface RaceResult extends Judgement {
  /** Connections that were cut on the way. */
  readonly cuts: number;
}

const CLOSE_MS = 5_000;

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
  // Where the topic lies is known before anything breaks.
  for (let partition = 0; partition < race.partitions; partition += 1) await client.append(partition, textOf(GREETING));
  const ending = new AbortController();
  const cutBefore = cutsOf(proxies);
  const disturbing = disturb(place, ending.signal);
  const sent = await writeAll(client, race);
  ending.abort();
  await disturbing;
  const cuts = cutsOf(proxies) - cutBefore;
  // One that has lost its way does not even close.
  await Promise.race([client.close(), sleep(CLOSE_MS, undefined, { ref: false })]);
  return { ...judge(await storedIn(addresses, topicPrefix + topic), sent), cuts };
}

const cutsOf = (proxies: ProxiedBrokers["proxies"]): number => proxies.reduce((sum, { cutCount }) => sum + cutCount, 0);
