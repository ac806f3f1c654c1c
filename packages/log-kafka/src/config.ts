import { logLimits } from "@perdure/log";
import type { LogLimits } from "@perdure/log";
import type { ConnectionOptions } from "@platformatic/kafka";

/** What the log tells of its brokers while it runs. */
export interface KafkaStatus {
  readonly state: "connected" | "unreachable";
  /** One sentence that says what is the matter and what happens next. */
  readonly message: string;
  readonly cause?: unknown;
}

export interface KafkaLogConfig {
  /** `host:port` of some brokers; the others are learned from them. */
  readonly brokers: readonly string[];
  readonly clientId?: string;
  /** Stands before every topic, group and transaction name; default `perdure.`. */
  readonly topicPrefix?: string;
  /** As `node:tls` takes them; `{}` for TLS with the system's authorities. */
  readonly tls?: ConnectionOptions["tls"];
  readonly sasl?: ConnectionOptions["sasl"];
  /** Copies of each partition, and how many must have an entry before it is acknowledged; default 3 and 2. */
  readonly replication?: { readonly factor: number; readonly minInSync: number };
  readonly limits?: Partial<LogLimits>;
  /**
   * Connections to each broker over which appends go out; default 1. Each has one request in flight, and what comes
   * meanwhile goes out together: with more, batches wait less for one another, but are smaller, and cost more.
   */
  readonly producerConnectionCount?: number;
  /** How long a broker may take to answer, in milliseconds. */
  readonly requestTimeoutMs?: number;
  /** How long after it was handed in an append is tried again before its writer is told `unavailable`, in milliseconds. */
  readonly deliveryTimeoutMs?: number;
  /** How long a broker holds a fetch for which there is nothing yet, in milliseconds. */
  readonly longPollMs?: number;
  /**
   * How long a tail waits after a fetch that brought something, in milliseconds, before it asks again; default 0. What
   * comes meanwhile arrives together, which saves requests; after a silence the first entry is never held back.
   */
  readonly fetchPauseMs?: number;
  /** After how long without its owner's commit a broker rolls a checkpoint back, in milliseconds. */
  readonly checkpointTimeoutMs?: number;
  readonly group?: Partial<GroupTimes>;
  readonly onStatus?: (status: KafkaStatus) => void;
  /** Ends the wait for a first broker. */
  readonly signal?: AbortSignal;
}

/** After which silence a group lets a member go, in milliseconds. */
export interface GroupTimes {
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly rebalanceTimeoutMs: number;
}

const DEFAULTS = {
  clientId: "perdure",
  topicPrefix: "perdure.",
  replication: { factor: 3, minInSync: 2 },
  producerConnectionCount: 1,
  requestTimeoutMs: 10_000,
  deliveryTimeoutMs: 30_000,
  longPollMs: 1_000,
  fetchPauseMs: 0,
  checkpointTimeoutMs: 15_000,
};

const GROUP_TIMES: GroupTimes = { sessionTimeoutMs: 6_000, heartbeatMs: 2_000, rebalanceTimeoutMs: 10_000 };

/** The configuration with every default filled in. */
export type KafkaSettings = typeof DEFAULTS & {
  readonly brokers: readonly string[];
  readonly limits: LogLimits;
  readonly group: GroupTimes;
  readonly connection: ConnectionOptions;
  readonly onStatus: (status: KafkaStatus) => void;
};

/** Throws RangeError for limits that contradict one another, and TypeError where no broker is named. */
export function kafkaSettings(config: KafkaLogConfig): KafkaSettings {
  if (config.brokers.length === 0) throw new TypeError("name at least one Kafka broker as host:port");
  const requestTimeoutMs = config.requestTimeoutMs ?? DEFAULTS.requestTimeoutMs;
  return {
    brokers: config.brokers,
    clientId: config.clientId ?? DEFAULTS.clientId,
    topicPrefix: config.topicPrefix ?? DEFAULTS.topicPrefix,
    replication: config.replication ?? DEFAULTS.replication,
    producerConnectionCount: config.producerConnectionCount ?? DEFAULTS.producerConnectionCount,
    requestTimeoutMs,
    deliveryTimeoutMs: config.deliveryTimeoutMs ?? DEFAULTS.deliveryTimeoutMs,
    longPollMs: config.longPollMs ?? DEFAULTS.longPollMs,
    fetchPauseMs: config.fetchPauseMs ?? DEFAULTS.fetchPauseMs,
    checkpointTimeoutMs: config.checkpointTimeoutMs ?? DEFAULTS.checkpointTimeoutMs,
    limits: logLimits(config.limits),
    group: { ...GROUP_TIMES, ...config.group },
    connection: connectionOptions(config, requestTimeoutMs),
    onStatus: config.onStatus ?? (() => undefined),
  };
}

/** What every connection to a broker is opened with. */
export function connectionOptions(config: KafkaLogConfig, requestTimeoutMs: number): ConnectionOptions {
  return {
    connectTimeout: Math.min(5_000, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    ...(config.tls === undefined ? {} : { tls: config.tls, tlsServerName: true }),
    ...(config.sasl === undefined ? {} : { sasl: config.sasl }),
  };
}
