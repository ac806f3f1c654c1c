import { checkedSizeBytes, LogError } from "@perdure/log";
import type { Appended, AppendOptions, NewEntry } from "@perdure/log";
import type { ConnectionPool } from "@platformatic/kafka";
import { noSuchPartition } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { PartitionProducer } from "./partition-producer.ts";
import type { AfterAnswer, PartitionProducerSettings, PendingAppend } from "./partition-producer.ts";
import { ProduceChannel } from "./produce-channel.ts";
import { ProducerIdentities } from "./producer-identity.ts";

interface HandedIn {
  readonly topic: string;
  readonly partition: number;
  readonly entry: NewEntry;
  readonly lane: string;
  readonly sizeBytes: number;
}

interface InLine {
  readonly handedIn: HandedIn;
  readonly resolve: (appended: Promise<Appended>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The way of every plain append: a fair queue per partition, one batch of it in flight, and one connection per broker
 * (or a few) over which the batches of many partitions go out together. Nothing waits for a timer while brokers answer.
 */
export class LogProducer {
  readonly #cluster: Cluster;
  readonly #identities: ProducerIdentities;
  readonly #pools: readonly ConnectionPool[];
  readonly #channels = new Map<string, ProduceChannel>();
  readonly #topics = new Map<string, readonly PartitionProducer[]>();
  readonly #inLine = new Map<string, InLine[]>();
  readonly #partitionSettings: PartitionProducerSettings;
  #unsettled = 0;
  #onSettled: (() => void) | undefined;

  constructor(cluster: Cluster) {
    const { limits, deliveryTimeoutMs, producerConnectionCount } = cluster.settings;
    this.#cluster = cluster;
    this.#identities = new ProducerIdentities(cluster);
    this.#pools = Array.from({ length: producerConnectionCount }, () => cluster.newPool());
    this.#partitionSettings = {
      limits,
      deliveryTimeoutMs,
      closing: cluster.closing,
      retire: (identity) => this.#identities.retire(identity),
    };
  }

  /** Gets ready, so that the first append need not. Rejects where no broker is in reach. */
  async prepare(): Promise<void> {
    await this.#identities.obtain();
  }

  async append(topic: string, partition: number, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    const sizeBytes = checkedSizeBytes(entry, this.#cluster.settings.limits);
    const lane = options.lane ?? Buffer.from(entry.key).toString("latin1");
    const handedIn: HandedIn = { topic, partition, entry, lane, sizeBytes };
    const producers = this.#topics.get(topic);
    this.#unsettled += 1;
    try {
      return await (producers === undefined ? this.#waitForTopic(handedIn) : this.#offer(producers, handedIn));
    } finally {
      this.#unsettled -= 1;
      if (this.#unsettled === 0) this.#onSettled?.();
    }
  }

  /** Settles when everything that was handed in has been acknowledged or refused. */
  async flush(): Promise<void> {
    if (this.#unsettled === 0) return;
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
  }

  async #offer(producers: readonly PartitionProducer[], handedIn: HandedIn): Promise<Appended> {
    const { topic, partition, entry, lane, sizeBytes } = handedIn;
    const producer = producers[partition];
    if (producer === undefined) throw noSuchPartition(topic, producers.length, partition);
    if (this.#cluster.unreachableMs > this.#cluster.settings.deliveryTimeoutMs) {
      throw this.#refusal("no Kafka broker can be reached");
    }
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    const item: PendingAppend = { entry, lane, sizeBytes, handedInMs: Date.now(), resolve, reject };
    if (!producer.queue.offer(item)) throw this.#refusal(`${topic}[${partition}] has as many bytes waiting as it may`);
    this.#wake(producer);
    return promise;
  }

  /** Stands in line while the topic is looked up for the first time, so that nothing of a lane overtakes. */
  #waitForTopic(handedIn: HandedIn): Promise<Appended> {
    const { promise, resolve, reject } = Promise.withResolvers<Appended>();
    const known = this.#inLine.get(handedIn.topic);
    const line = known ?? [];
    line.push({ handedIn, resolve, reject });
    if (known === undefined) {
      this.#inLine.set(handedIn.topic, line);
      void this.#lookUp(handedIn.topic, line);
    }
    return promise;
  }

  async #lookUp(topic: string, line: readonly InLine[]): Promise<void> {
    try {
      const { leaders } = await this.#cluster.topic(topic);
      const producers = leaders.map(
        (_leader, index) => new PartitionProducer({ topic, index }, this.#partitionSettings),
      );
      this.#topics.set(topic, producers);
      for (const { handedIn, resolve } of line) resolve(this.#offer(producers, handedIn));
    } catch (error) {
      for (const { reject } of line) reject(error);
    } finally {
      this.#inLine.delete(topic);
    }
  }

  #wake(producer: PartitionProducer): void {
    if (producer.isBusy || !producer.hasWork) return;
    const channel = this.#channelOf(producer);
    if (channel !== undefined) return channel.offer(producer);
    producer.offeredTo = undefined;
    producer.stall(Date.now());
    void this.#tryLater(producer, "retry_elsewhere");
  }

  /** Undefined where the partition has no leader now. */
  #channelOf({ topic, index }: PartitionProducer): ProduceChannel | undefined {
    const leader = this.#cluster.knownTopic(topic)?.leaders[index] ?? -1;
    const slot = index % this.#pools.length;
    const pool = this.#pools[slot];
    if (leader < 0 || pool === undefined) return undefined;
    const name = `${leader}/${slot}`;
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const channel = new ProduceChannel(this.#cluster, this.#identities, { leader, pool }, (producer, after) =>
      this.#afterAnswer(producer, after),
    );
    this.#channels.set(name, channel);
    return channel;
  }

  #afterAnswer(producer: PartitionProducer, after: AfterAnswer): void {
    if (after === "next") {
      producer.isBusy = false;
      this.#wake(producer);
    } else {
      void this.#tryLater(producer, after);
    }
  }

  /** Keeps the partition busy for a while, so that nothing of it overtakes the batch that is sent again. */
  async #tryLater(producer: PartitionProducer, after: AfterAnswer): Promise<void> {
    const goesOn = await producer.backoff.wait();
    if (!goesOn) {
      producer.refuseAll(new LogError("closed", "the log was closed before a broker took this entry"));
      return;
    }
    if (after === "retry_elsewhere") await this.#cluster.refresh().catch(() => undefined);
    producer.giveUpIfLate(Date.now());
    this.#afterAnswer(producer, "next");
  }

  #refusal(why: string): LogError {
    const { retryAfterMs } = this.#cluster.settings.limits;
    return new LogError("unavailable", `${why}: send again in ${retryAfterMs} ms`, { retryAfterMs });
  }
}
