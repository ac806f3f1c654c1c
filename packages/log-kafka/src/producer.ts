import { checkedSizeBytes, LogError } from "@perdure/log";
import type { Appended, AppendOptions, NewEntry } from "@perdure/log";
import type { ConnectionPool } from "@platformatic/kafka";
import { noSuchPartition } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { PartitionProducer } from "./partition-producer.ts";
import type { AfterAnswer, PartitionProducerSettings, PendingAppend } from "./partition-producer.ts";
import { ProduceChannel } from "./produce-channel.ts";
import { ProducerIdentities } from "./producer-identity.ts";

interface InLine {
  readonly partition: number;
  readonly item: PendingAppend;
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
  #unsettledCount = 0;
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
      onSettled: (count) => this.#noteSettled(count),
    };
  }

  /** Gets ready, so that the first append need not. Rejects where no broker is in reach. */
  async prepare(): Promise<void> {
    await this.#identities.obtain();
  }

  append(topic: string, partition: number, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    // One promise for each, since this is the way of every token; what is thrown in here rejects it.
    return new Promise((resolve, reject) => {
      const sizeBytes = checkedSizeBytes(entry, this.#cluster.settings.limits);
      const lane = options.lane ?? Buffer.from(entry.key).toString("latin1");
      const item: PendingAppend = { entry, lane, sizeBytes, handedInMs: Date.now(), resolve, reject };
      const producers = this.#topics.get(topic);
      if (producers === undefined) this.#waitForTopic(topic, { partition, item });
      else this.#offer(topic, producers, partition, item);
    });
  }

  /** Settles when everything that was handed in has been acknowledged or refused. */
  async flush(): Promise<void> {
    if (this.#unsettledCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
  }

  /** Throws where it is not taken. */
  #offer(topic: string, producers: readonly PartitionProducer[], partition: number, item: PendingAppend): void {
    const producer = producers[partition];
    if (producer === undefined) throw noSuchPartition(topic, producers.length, partition);
    if (this.#cluster.unreachableMs > this.#cluster.settings.deliveryTimeoutMs) {
      throw this.#refusal("no Kafka broker can be reached");
    }
    if (!producer.queue.offer(item)) throw this.#refusal(`${topic}[${partition}] has as many bytes waiting as it may`);
    this.#unsettledCount += 1;
    this.#wake(producer);
  }

  #noteSettled(count: number): void {
    this.#unsettledCount -= count;
    if (this.#unsettledCount === 0) this.#onSettled?.();
  }

  /** Stands in line while the topic is looked up for the first time, so that nothing of a lane overtakes. */
  #waitForTopic(topic: string, inLine: InLine): void {
    this.#unsettledCount += 1;
    const line = this.#inLine.get(topic);
    if (line !== undefined) {
      line.push(inLine);
      return;
    }
    const first = [inLine];
    this.#inLine.set(topic, first);
    void this.#lookUp(topic, first);
  }

  async #lookUp(topic: string, line: readonly InLine[]): Promise<void> {
    try {
      const { leaders } = await this.#cluster.topic(topic);
      const producers = leaders.map(
        (_leader, index) => new PartitionProducer({ topic, index }, this.#partitionSettings),
      );
      this.#topics.set(topic, producers);
      for (const inLine of line) this.#admit(topic, producers, inLine);
    } catch (error) {
      for (const { item } of line) item.reject(error);
    } finally {
      this.#inLine.delete(topic);
      this.#noteSettled(line.length);
    }
  }

  #admit(topic: string, producers: readonly PartitionProducer[], { partition, item }: InLine): void {
    try {
      this.#offer(topic, producers, partition, item);
    } catch (error) {
      item.reject(error);
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
