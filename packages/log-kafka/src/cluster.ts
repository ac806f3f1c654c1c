import { LogError } from "@perdure/log";
import { apiVersionsV3, ConnectionPool, findCoordinatorV4, metadataV12 } from "@platformatic/kafka";
import type { Broker, Connection, ConnectionOptions } from "@platformatic/kafka";
import { Backoff } from "./backoff.ts";
import type { KafkaSettings } from "./config.ts";
import { answered, Code, hasArray, rootReason, unavailable } from "./protocol-errors.ts";

/** Where the partitions of a topic live: `leaders[partition]` is a broker's id, -1 where there is none now. */
export interface TopicInfo {
  readonly name: string;
  readonly id: string;
  readonly leaders: readonly number[];
}

export type CoordinatorKind = "group" | "transaction";
const COORDINATOR_KINDS: Record<CoordinatorKind, number> = { group: 0, transaction: 1 };

const isMetadata = hasArray<metadataV12.MetadataResponse>("topics");

/** The brokers, what they say about topics, and the connections to them. */
export class Cluster {
  readonly settings: KafkaSettings;
  readonly #bootstrap: readonly Broker[];
  readonly #closing = new AbortController();
  readonly #pools = new Set<ConnectionPool>();
  readonly #control: ConnectionPool;
  readonly #topics = new Map<string, TopicInfo>();
  readonly #wantedTopics = new Set<string>();
  /** Which of the topics that were asked for last are not there. */
  #missing: ReadonlySet<string> = new Set();
  /** Since when a topic that was known is said not to be there. */
  readonly #goneSinceMs = new Map<string, number>();
  #brokers = new Map<number, Broker>();
  /** `host:port` of those that failed when they were asked last: they are asked again after all others. */
  readonly #failed = new Set<string>();
  #controllerId: number | undefined;
  #refreshing: Promise<void> | undefined;
  #reachable: boolean | undefined;
  #unreachableSinceMs: number | undefined;

  constructor(settings: KafkaSettings) {
    this.settings = settings;
    this.#bootstrap = settings.brokers.map(parseBroker);
    this.#control = this.newPool();
  }

  /** Aborted when the log closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** For how long no broker has answered; 0 where the last call was answered. */
  get unreachableMs(): number {
    return this.#unreachableSinceMs === undefined ? 0 : performance.now() - this.#unreachableSinceMs;
  }

  /** Waits for the first broker that answers, for as long as it takes. Throws `closed` where it is closed before that. */
  async connect(): Promise<void> {
    const backoff = new Backoff(this.closing);
    for (;;) {
      try {
        await this.refresh();
        return;
      } catch {
        // `refresh` has told it by onStatus; here it is only tried again.
      }
      if (!(await backoff.wait())) throw waitEnded();
    }
  }

  /** Connections of their own, one to each broker that is asked for. */
  newPool(options: Pick<ConnectionOptions, "requestTimeout"> = {}): ConnectionPool {
    const pool = new ConnectionPool(this.settings.clientId, { ...this.settings.connection, ...options });
    guardConnections(pool);
    this.#pools.add(pool);
    return pool;
  }

  async closePool(pool: ConnectionPool): Promise<void> {
    this.#pools.delete(pool);
    await pool.close();
  }

  /** What is known of a topic without asking. */
  knownTopic(name: string): TopicInfo | undefined {
    return this.#topics.get(name);
  }

  /** Throws `no_such_topic`, `unavailable`. */
  async topic(name: string): Promise<TopicInfo> {
    for (;;) {
      const known = this.#topics.get(name);
      if (known !== undefined) return known;
      this.#wantedTopics.add(name);
      await this.refresh();
      // An answer that was asked for before this topic was wanted does not speak of it.
      if (!this.#missing.has(name)) continue;
      this.#wantedTopics.delete(name);
      throw new LogError("no_such_topic", `there is no topic ${name}: provision it first`);
    }
  }

  /** As `topic`, for a partition that the topic must have. */
  async topicWith(name: string, partition: number): Promise<TopicInfo> {
    const topic = await this.topic(name);
    checkPartition(topic, partition);
    return topic;
  }

  /** Forgets a topic, which may have been made anew under the same name. */
  forgetTopic(name: string): void {
    this.#topics.delete(name);
  }

  /** A connection of the pool to a broker. Rejects where it cannot be reached. */
  async connection(pool: ConnectionPool, nodeId: number): Promise<Connection> {
    const broker = this.#brokers.get(nodeId);
    if (broker === undefined) throw new Error(`broker ${nodeId} is not known`);
    return this.establishedConnection(pool, nodeId) ?? pool.get(broker);
  }

  /** The connection of the pool to a broker, where it is open already. */
  establishedConnection(pool: ConnectionPool, nodeId: number): Connection | undefined {
    const broker = this.#brokers.get(nodeId);
    const connection = broker === undefined ? undefined : pool.getEstablishedConnection(broker);
    return connection?.isConnected() === true ? connection : undefined;
  }

  /** The shared connection to a broker, or to any where none is named, for what is asked rarely. */
  async control(nodeId?: number): Promise<Connection> {
    if (nodeId !== undefined) return this.connection(this.#control, nodeId);
    return this.#control.getFirstAvailable(this.#candidates());
  }

  /** A connection to the broker that takes orders for the whole cluster. */
  async controller(): Promise<Connection> {
    if (this.#controllerId === undefined) await this.refresh();
    return this.control(this.#controllerId);
  }

  /** Asks again where everything is; calls at the same time share one answer. Throws `unavailable`. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  /** The broker that coordinates a group or a transactional id. */
  async coordinator(kind: CoordinatorKind, key: string): Promise<number> {
    const connection = await this.control();
    const { coordinators } = await findCoordinatorV4.api.async(connection, COORDINATOR_KINDS[kind], [key]);
    const [coordinator] = coordinators;
    if (coordinator === undefined) throw new Error(`Kafka named no coordinator for ${key}`);
    if (!this.#brokers.has(coordinator.nodeId)) await this.refresh();
    return coordinator.nodeId;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#pools].map((pool) => pool.close()));
  }

  /** A broker that takes a connection need not answer on it: it may be frozen, or a proxy stands where it was. */
  async #refresh(): Promise<void> {
    const causes: unknown[] = [];
    for (const broker of this.#candidates()) {
      try {
        await this.#refreshFrom(broker);
        this.#failed.delete(addressOf(broker));
        this.#tellReachable(true);
        return;
      } catch (cause) {
        this.#failed.add(addressOf(broker));
        causes.push(cause);
      }
    }
    this.#tellReachable(false, causes[0]);
    const message = `no Kafka broker can be used at ${this.settings.brokers.join(", ")}: try again`;
    throw unavailable(message, this.settings.limits.retryAfterMs, causes[0]);
  }

  async #refreshFrom(broker: Broker): Promise<void> {
    const connection = await this.#control.get(broker);
    await apiVersionsCheck(connection);
    const topics = [...new Set([...this.#topics.keys(), ...this.#wantedTopics])];
    this.#apply(await answered(metadataV12.api.async(connection, topics, false, false), isMetadata));
  }

  /** Every broker that is known once, those that failed last. */
  #candidates(): Broker[] {
    const all = new Map([...this.#brokers.values(), ...this.#bootstrap].map((broker) => [addressOf(broker), broker]));
    const hasFailed = (broker: Broker): number => Number(this.#failed.has(addressOf(broker)));
    return [...all.values()].toSorted((a, b) => hasFailed(a) - hasFailed(b));
  }

  #apply(metadata: metadataV12.MetadataResponse): void {
    this.#brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#controllerId = this.#brokers.has(metadata.controllerId) ? metadata.controllerId : undefined;
    const missing = new Set<string>();
    for (const { name, topicId, errorCode, partitions } of metadata.topics) {
      if (typeof name !== "string") continue;
      if (partitions.length === 0) {
        missing.add(name);
        if (errorCode === Code.unknownTopic) this.#forgetIfGone(name);
        continue;
      }
      const leaders = new Array<number>(partitions.length).fill(-1);
      for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
      this.#topics.set(name, { name, id: topicId, leaders });
      this.#wantedTopics.delete(name);
      this.#goneSinceMs.delete(name);
    }
    this.#missing = missing;
  }

  /** A broker that lags behind may not know a new topic yet; one that stays unknown has been deleted. */
  #forgetIfGone(name: string): void {
    if (!this.#topics.has(name)) return;
    const nowMs = performance.now();
    const sinceMs = this.#goneSinceMs.get(name) ?? nowMs;
    this.#goneSinceMs.set(name, sinceMs);
    if (nowMs - sinceMs < this.settings.requestTimeoutMs) return;
    this.#goneSinceMs.delete(name);
    this.forgetTopic(name);
  }

  #tellReachable(reachable: boolean, cause?: unknown): void {
    if (this.#reachable === reachable || this.closing.aborted) return;
    const wasReachable = this.#reachable === true;
    this.#reachable = reachable;
    if (wasReachable) void this.#untilReachable();
    this.#unreachableSinceMs = reachable ? undefined : performance.now();
    const where = this.settings.brokers.join(", ");
    if (reachable) {
      this.settings.onStatus({ state: "connected", message: `connected to Kafka at ${where}` });
    } else {
      const message = `no Kafka broker can be used at ${where} (${rootReason(cause)}): trying again`;
      this.settings.onStatus({ state: "unreachable", message, cause });
    }
  }

  /** Whoever is refused while no broker can be reached asks for none: so it is asked for here, until one answers. */
  async #untilReachable(): Promise<void> {
    const backoff = new Backoff(this.closing);
    while (this.#reachable === false && (await backoff.wait())) await this.refresh().catch(() => undefined);
  }
}

/**
 * The client emits a second error of a connection (one that is reset after its password was refused) to nobody, which
 * would end the process, and leaves the timer of its next login running after a broker has closed it.
 */
export function guardConnections(pool: ConnectionPool): void {
  pool.on("connecting", ({ connection }) => {
    connection.on("error", () => undefined);
    connection.once("close", () => void connection.close());
  });
}

const checkedConnections = new WeakSet<Connection>();

/** Once a connection: the broker must speak the versions that are used, the newest of which came with Kafka 3.1. */
async function apiVersionsCheck(connection: Connection): Promise<void> {
  if (checkedConnections.has(connection)) return;
  const { apiKeys } = await apiVersionsV3.api.async(connection, "perdure", "1");
  const fetch = apiKeys.find(({ apiKey }) => apiKey === 1);
  if (fetch === undefined || fetch.maxVersion < 13) throw new Error("this broker is older than Kafka 3.1");
  checkedConnections.add(connection);
}

/** Throws `no_such_topic` where the topic does not have the partition. */
export function checkPartition(topic: TopicInfo, partition: number): void {
  if (topic.leaders[partition] === undefined) throw noSuchPartition(topic.name, topic.leaders.length, partition);
}

export function noSuchPartition(topic: string, partitionCount: number, partition: number): LogError {
  const message = `${topic} has ${partitionCount} partitions, and ${partition} is none of them`;
  return new LogError("no_such_topic", message);
}

export const waitEnded = (): LogError => new LogError("closed", "the wait for a Kafka broker was ended");

const addressOf = ({ host, port }: Broker): string => `${host}:${port}`;

function parseBroker(address: string): Broker {
  const at = address.lastIndexOf(":");
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new TypeError(`a Kafka broker is host:port, not ${address}`);
  return { host: address.slice(0, at), port };
}
