import type { Log, TopicDifference, TopicSpec } from "@perdure/log";
import { ConfigError } from "./config/load-config.ts";
import type { KafkaLogConfig, LogConfig } from "./config/log-config.ts";
import { provisionWhenPossible } from "./provision.ts";

export interface OpenLogOptions {
  /** The topics that the log must have, without the prefix. */
  readonly topics: readonly TopicSpec[];
  /** How the brokers know this process. */
  readonly node: string;
  readonly logger: OpenLogLogger;
  /** How long readers may wait after a fetch, so that one brings more (Kafka only), in milliseconds; default 0. */
  readonly fetchPauseMs?: number;
  /** Ends the wait for a broker that can be used. */
  readonly signal?: AbortSignal;
}

export interface OpenLogLogger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** Settings on which what was written depends; with another value the fold would go wrong. */
const DECISIVE = ["partitions", "cleanup", "cleanup.policy", "message.timestamp.type"];

/**
 * Opens the log of the configuration and sees to its topics: missing ones are made, one whose partitions, cleanup or
 * time differ stops the start with ConfigError, other differences are warned of. Throws LogError as the adapters do.
 */
export async function openLog(config: LogConfig, options: OpenLogOptions): Promise<Log> {
  const log = config.kind === "embedded" ? await openEmbedded(config.dir) : await openKafka(config, options);
  try {
    checkTopics(await provisionWhenPossible(log, options), options.logger);
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Each adapter is loaded only where it is used: neither is small. */
async function openEmbedded(dir: string): Promise<Log> {
  const { openEmbeddedLog } = await import("@perdure/log-embedded");
  return openEmbeddedLog({ dir });
}

async function openKafka(
  config: KafkaLogConfig,
  { node, logger, signal, fetchPauseMs = 0 }: OpenLogOptions,
): Promise<Log> {
  const { openKafkaLog } = await import("@perdure/log-kafka");
  const { brokers, topicPrefix, replication, tls, sasl } = config;
  return openKafkaLog({
    brokers,
    topicPrefix,
    replication,
    clientId: node,
    fetchPauseMs,
    ...(tls && { tls }),
    ...(sasl && { sasl }),
    ...(signal && { signal }),
    onStatus: ({ state, message }) =>
      state === "connected" ? logger.info({}, message) : logger.warn({}, withRemedy(message)),
  });
}

/** What an operator can do about a reason for which no broker can be used: brokers and TLS tell it in words only. */
const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /authentication failed/i,
    "check PERDURE_KAFKA_SASL, PERDURE_KAFKA_USERNAME and PERDURE_KAFKA_PASSWORD (or PERDURE_KAFKA_PASSWORD_FILE)",
  ],
  [/certificate|signature/i, "set PERDURE_KAFKA_TLS_CA_FILE to the authority that signed the brokers' certificates"],
];

function withRemedy(message: string): string {
  const remedy = REMEDIES.find(([reason]) => reason.test(message))?.[1];
  return remedy === undefined ? message : `${message}; ${remedy}`;
}

function checkTopics(differences: readonly TopicDifference[], logger: OpenLogLogger): void {
  const decisive = differences.filter(({ setting }) => DECISIVE.includes(setting));
  if (decisive.length > 0) throw new ConfigError(decisive.map(describe));
  for (const difference of differences) logger.warn({ ...difference }, describe(difference));
}

function describe({ topic, setting, wanted, found }: TopicDifference): string {
  const remedy =
    setting === "partitions"
      ? `set PERDURE_PARTITIONS to ${found}, or use another PERDURE_TOPIC_PREFIX or PERDURE_LOG_DIR`
      : "alter the topic";
  return `topic ${topic} has ${setting} ${found}, where ${wanted} is wanted: ${remedy}`;
}
