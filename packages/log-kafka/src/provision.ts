import { LogError } from "@perdure/log";
import type { Cleanup, TopicDifference, TopicSpec } from "@perdure/log";
import { ConfigResourceTypes, createTopicsV7, describeConfigsV4, metadataV12 } from "@platformatic/kafka";
import type {
  createTopicsV7 as createTopics,
  describeConfigsV4 as describeConfigs,
  metadataV12 as metadata,
} from "@platformatic/kafka";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import type { KafkaSettings } from "./config.ts";
import { answered, Code, hasArray, unavailable } from "./protocol-errors.ts";

/** Beside the largest entry, what a batch and its record need for themselves. */
const BATCH_OVERHEAD_BYTES = 64 * 1024;
/**
 * How a new topic is cut into segments, which are what Kafka compacts and deletes: a segment that is still written to is
 * neither. Kafka's own 1 GiB and a week would leave, per partition, that much to read before a latest view is ready.
 */
const SEGMENTS: Record<Cleanup, readonly [name: string, value: string][]> = {
  none: [["segment.bytes", String(128 * 1024 * 1024)]],
  compact: [
    ["segment.bytes", String(64 * 1024 * 1024)],
    ["segment.ms", String(10 * 60 * 1000)],
    ["min.cleanable.dirty.ratio", "0.2"],
  ],
};
/** How often the brokers are asked whether a new topic has leaders everywhere. */
const LEADERS_EVERY_MS = 50;

const isCreated = hasArray<createTopics.CreateTopicsResponse>("topics");
const isMetadata = hasArray<metadata.MetadataResponse>("topics");
const isDescribed = hasArray<describeConfigs.DescribeConfigsResponse>("results");

/**
 * Creates what is missing, and says where a topic that is there differs. Topics that keep everything are trimmed by
 * their owner alone, so Kafka's own retention is off.
 */
export async function provisionTopics(
  cluster: Cluster,
  specs: readonly TopicSpec[],
): Promise<readonly TopicDifference[]> {
  const { settings } = cluster;
  const named = specs.map((spec) => ({ ...spec, name: settings.topicPrefix + spec.name }));
  try {
    const created = new Set(await createMissing(cluster, named));
    await untilLed(cluster, named);
    const existing = named.filter(({ name }) => !created.has(name));
    return await differences(cluster, existing);
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw unavailable("the topics could not be provisioned: try again", settings.limits.retryAfterMs, cause);
  }
}

/** The settings of a topic that perdure relies on, and compares. */
function topicConfigs(cleanup: Cleanup, settings: KafkaSettings): Map<string, string> {
  const configs = new Map([
    ["cleanup.policy", cleanup === "compact" ? "compact" : "delete"],
    ["min.insync.replicas", String(settings.replication.minInSync)],
    ["unclean.leader.election.enable", "false"],
    ["message.timestamp.type", "LogAppendTime"],
    ["max.message.bytes", String(settings.limits.entryBytes + BATCH_OVERHEAD_BYTES)],
  ]);
  if (cleanup === "none") configs.set("retention.ms", "-1").set("retention.bytes", "-1");
  return configs;
}

/** The names of the topics that were made now. */
async function createMissing(cluster: Cluster, specs: readonly TopicSpec[]): Promise<string[]> {
  const connection = await cluster.controller();
  const requests = specs.map((spec) => ({
    name: spec.name,
    numPartitions: spec.partitions,
    replicationFactor: cluster.settings.replication.factor,
    assignments: [],
    configs: [...topicConfigs(spec.cleanup, cluster.settings), ...SEGMENTS[spec.cleanup]].map(([name, value]) => ({
      name,
      value,
    })),
  }));
  const call = createTopicsV7.api.async(connection, requests, cluster.settings.requestTimeoutMs, false);
  const { topics } = await answered(call, isCreated);
  return topics.flatMap(({ name, errorCode, errorMessage }) => {
    if (errorCode === Code.none) return [name];
    if (errorCode === Code.topicExists) return [];
    const message = `Kafka does not create ${name}: ${errorMessage ?? `error ${errorCode}`}`;
    throw new LogError("unavailable", message, { retryAfterMs: cluster.settings.limits.retryAfterMs });
  });
}

/** Waits until every partition has a leader, so that whoever comes next can use them all. */
async function untilLed(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  const untilMs = Date.now() + cluster.settings.requestTimeoutMs;
  for (;;) {
    const topics = await describeTopics(cluster, specs);
    const isLed = topics.every(
      ({ partitions }) => partitions.length > 0 && partitions.every(({ leaderId }) => leaderId >= 0),
    );
    if (isLed || Date.now() > untilMs) break;
    await sleep(LEADERS_EVERY_MS, undefined, { signal: cluster.closing });
  }
  for (const { name } of specs) cluster.forgetTopic(name);
  for (const { name } of specs) await cluster.topic(name);
}

async function describeTopics(
  cluster: Cluster,
  specs: readonly TopicSpec[],
): Promise<metadata.MetadataResponseTopic[]> {
  const names = specs.map(({ name }) => name);
  const call = metadataV12.api.async(await cluster.control(), names, false, false);
  return (await answered(call, isMetadata)).topics;
}

async function differences(cluster: Cluster, specs: readonly TopicSpec[]): Promise<TopicDifference[]> {
  if (specs.length === 0) return [];
  const topics = await describeTopics(cluster, specs);
  const configs = await describeTopicConfigs(cluster, specs);
  return specs.flatMap((spec) => {
    const partitions = topics.find(({ name }) => name === spec.name)?.partitions ?? [];
    const found = new Map(configs.get(spec.name));
    found.set("partitions", String(partitions.length));
    found.set("replication.factor", String(partitions[0]?.replicaNodes.length ?? 0));
    const wanted = topicConfigs(spec.cleanup, cluster.settings);
    wanted.set("partitions", String(spec.partitions));
    wanted.set("replication.factor", String(cluster.settings.replication.factor));
    return [...wanted].flatMap(([setting, value]) => {
      const other = found.get(setting) ?? "unknown";
      const topic = spec.name.slice(cluster.settings.topicPrefix.length);
      return other === value ? [] : [{ topic, setting, wanted: value, found: other }];
    });
  });
}

async function describeTopicConfigs(
  cluster: Cluster,
  specs: readonly TopicSpec[],
): Promise<Map<string, [name: string, value: string][]>> {
  const resources = specs.map(({ name }) => ({ resourceType: ConfigResourceTypes.TOPIC, resourceName: name }));
  const call = describeConfigsV4.api.async(await cluster.control(), resources, false, false);
  const { results } = await answered(call, isDescribed);
  return new Map(
    results.map((each) => [each.resourceName, each.configs.map(({ name, value }) => [name, value ?? ""])]),
  );
}
