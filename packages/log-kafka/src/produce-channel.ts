import type { ConnectionPool } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import type { AfterAnswer, Batch, PartitionProducer } from "./partition-producer.ts";
import { placeName, produce } from "./produce-request.ts";
import type { EncodedBatch, ProduceAnswers } from "./produce-request.ts";
import type { ProducerIdentities, ProducerIdentity } from "./producer-identity.ts";
import { encodeBatch } from "./record-batch.ts";

/** Bytes of one request: many batches share one, and a broker takes 100 MiB by default. */
const REQUEST_BYTES = 16 * 1024 * 1024;

interface Sent {
  readonly producer: PartitionProducer;
  readonly batch: Batch;
}

/**
 * One connection to one broker for appends, with one request in flight: a broker works on one request of a connection
 * at a time, so what arrives meanwhile goes out together in the next.
 */
export class ProduceChannel {
  readonly #cluster: Cluster;
  readonly #identities: ProducerIdentities;
  readonly #leader: number;
  readonly #pool: ConnectionPool;
  readonly #onAnswer: (producer: PartitionProducer, after: AfterAnswer) => void;
  /** Those that still say that they were offered here. */
  #ready: PartitionProducer[] = [];
  #isSending = false;

  constructor(
    cluster: Cluster,
    identities: ProducerIdentities,
    target: { readonly leader: number; readonly pool: ConnectionPool },
    onAnswer: (producer: PartitionProducer, after: AfterAnswer) => void,
  ) {
    this.#cluster = cluster;
    this.#identities = identities;
    this.#leader = target.leader;
    this.#pool = target.pool;
    this.#onAnswer = onAnswer;
  }

  /** The partition has something to write here, and no longer where it was offered before, if that has not gone out. */
  offer(producer: PartitionProducer): void {
    if (producer.offeredTo === this) return;
    producer.offeredTo = this;
    this.#ready.push(producer);
    if (this.#isSending) return;
    this.#isSending = true;
    // One microtask later, so that all that one turn hands in shares the first request.
    queueMicrotask(() => void this.#run());
  }

  async #run(): Promise<void> {
    while (this.#ready.length > 0) {
      const identity = this.#identities.current ?? (await this.#identities.obtain().catch(() => undefined));
      if (identity === undefined) this.#failReady();
      else await this.#sendNext(identity);
    }
    this.#isSending = false;
  }

  #failReady(): void {
    for (const producer of this.#ready.splice(0)) {
      if (!this.#takeUp(producer)) continue;
      producer.stall(Date.now());
      this.#onAnswer(producer, "retry_elsewhere");
    }
  }

  async #sendNext(identity: ProducerIdentity): Promise<void> {
    const sent = this.#takeBatches(identity);
    if (sent.length === 0) return;
    const answers = await this.#send(sent).catch(() => undefined);
    const nowMs = Date.now();
    for (const { producer } of sent) {
      const after = producer.answer(answers?.get(placeName(producer.topic, producer.index)), nowMs);
      this.#onAnswer(producer, after);
    }
  }

  #takeBatches(identity: ProducerIdentity): Sent[] {
    const sent: Sent[] = [];
    let bytes = 0;
    let seen = 0;
    for (const producer of this.#ready) {
      if (bytes >= REQUEST_BYTES) break;
      seen += 1;
      if (!this.#takeUp(producer)) continue;
      const batch = producer.takeBatch(identity);
      sent.push({ producer, batch });
      for (const item of batch.items) bytes += item.sizeBytes;
    }
    this.#ready = this.#ready.slice(seen);
    return sent;
  }

  /** False: it has been offered elsewhere since, or has no place to go now. */
  #takeUp(producer: PartitionProducer): boolean {
    if (producer.offeredTo !== this) return false;
    producer.offeredTo = undefined;
    return true;
  }

  async #send(sent: readonly Sent[]): Promise<ProduceAnswers> {
    const timestampMs = Date.now();
    const topics = new Map<string, EncodedBatch[]>();
    for (const { producer, batch } of sent) {
      const entries = batch.items.map(({ entry }) => entry);
      const bytes = encodeBatch({ ...batch, isTransactional: false, timestampMs }, entries);
      const batches = topics.get(producer.topic) ?? [];
      batches.push({ partition: producer.index, bytes });
      topics.set(producer.topic, batches);
    }
    const connection =
      this.#cluster.establishedConnection(this.#pool, this.#leader) ??
      (await this.#cluster.connection(this.#pool, this.#leader));
    return produce(connection, { transactionalId: null, timeoutMs: this.#cluster.settings.requestTimeoutMs, topics });
  }
}
