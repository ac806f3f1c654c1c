import { LogError, openLatest } from "@perdure/log";
import type {
  Appended,
  AppendOptions,
  Bounds,
  CheckpointOptions,
  CheckpointScope,
  Entry,
  Group,
  GroupListener,
  LatestView,
  Log,
  NewEntry,
  Ownership,
  ReadOptions,
  Tail,
  TailListener,
  TopicDifference,
  TopicSpec,
} from "@perdure/log";
import type { Cluster } from "./cluster.ts";
import { Membership } from "./membership.ts";
import { LogProducer } from "./producer.ts";
import { provisionTopics } from "./provision.ts";
import { Reader } from "./reader.ts";
import { Tails } from "./tails.ts";
import { TopicKinds } from "./topic-kinds.ts";
import { fencedError } from "./transactor.ts";
import type { TransactorAccess } from "./transactor.ts";

/** The log on a Kafka cluster. */
export class KafkaLog implements Log {
  readonly #cluster: Cluster;
  readonly #kinds: TopicKinds;
  readonly #producer: LogProducer;
  readonly #reader: Reader;
  readonly #tails: Tails;
  readonly #memberships = new Set<Membership>();
  readonly #running = new Set<Promise<void>>();
  #access: TransactorAccess | undefined;
  #closed: Promise<void> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#kinds = new TopicKinds(cluster);
    this.#producer = new LogProducer(cluster);
    this.#reader = new Reader(cluster);
    const askBounds = async (topic: string, partition: number): Promise<Bounds> =>
      this.#reader.bounds(topic, partition, await this.#kinds.isolation(topic));
    this.#tails = new Tails(cluster, this.#kinds, askBounds);
  }

  /** Gets ready, so that the first append need not. Rejects where no broker is in reach. */
  async prepare(): Promise<void> {
    await this.#producer.prepare();
  }

  async provision(topics: readonly TopicSpec[]): Promise<readonly TopicDifference[]> {
    this.#checkOpen();
    const differences = await provisionTopics(this.#cluster, topics);
    this.#kinds.learn(topics, this.#cluster.settings.topicPrefix);
    return differences;
  }

  append(topic: string, partition: number, entry: NewEntry, options: AppendOptions = {}): Promise<Appended> {
    if (this.#closed !== undefined) return Promise.reject(closedError());
    return this.#producer.append(this.#name(topic), partition, entry, options);
  }

  tail(topic: string, listener: TailListener): Tail {
    this.#checkOpen();
    return this.#tails.open(this.#name(topic), listener);
  }

  async read(topic: string, partition: number, offset: number, options: ReadOptions): Promise<readonly Entry[]> {
    this.#checkOpen();
    const name = this.#name(topic);
    return this.#reader.read(name, partition, offset, options.maxBytes, await this.#kinds.isolation(name));
  }

  async bounds(topic: string, partition: number): Promise<Bounds> {
    this.#checkOpen();
    const name = this.#name(topic);
    return this.#reader.bounds(name, partition, await this.#kinds.isolation(name));
  }

  latest(topic: string, partition: number, onEntry?: (entry: Entry) => void): LatestView {
    return openLatest(this, topic, partition, onEntry);
  }

  async joinGroup(group: string, topic: string, listener: GroupListener): Promise<Group> {
    this.#checkOpen();
    const name = this.#name(topic);
    await this.#cluster.topic(name);
    this.#access ??= {
      pool: this.#cluster.newPool(),
      askBounds: (written, partition) => this.#reader.bounds(written, partition, "committed"),
    };
    const place = { groupId: this.#name(group), topic: name, access: this.#access };
    const membership = new Membership(this.#cluster, place, listener, () => this.#memberships.delete(membership));
    this.#memberships.add(membership);
    await membership.begin();
    return membership;
  }

  async checkpoint(
    ownership: Ownership,
    write: (scope: CheckpointScope) => Promise<void>,
    options: CheckpointOptions = {},
  ): Promise<void> {
    this.#checkOpen();
    const membership = [...this.#memberships].find((each) => each.isCurrent(ownership));
    if (membership === undefined) throw fencedError(ownership);
    const transactor = membership.transactor(ownership.partition);
    const isCurrent = (): boolean => membership.isCurrent(ownership);
    const running = transactor.run(ownership, isCurrent, write, options.groupOffset ?? 0);
    this.#running.add(running);
    await running.finally(() => this.#running.delete(running));
  }

  async trim(topic: string, partition: number, beforeOffset: number): Promise<void> {
    this.#checkOpen();
    const name = this.#name(topic);
    const isolation = await this.#kinds.isolation(name);
    if (isolation !== "uncommitted")
      throw new TypeError(`${topic} is compacted: only topics that keep all are trimmed`);
    await this.#reader.trim(name, partition, beforeOffset, isolation);
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close();
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#producer.flush();
    await Promise.allSettled(this.#running);
    await Promise.allSettled([...this.#memberships].map((membership) => membership.close()));
    await this.#tails.close();
    await this.#cluster.close();
  }

  #name(topic: string): string {
    return this.#cluster.settings.topicPrefix + topic;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }
}

const closedError = (): LogError => new LogError("closed", "the log is closed: open it again");
