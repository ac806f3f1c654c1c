import { entrySizeBytes, LogError } from "@perdure/log";
import type { Bounds, Entry } from "@perdure/log";
import { deleteRecordsV2, listOffsetsV7 } from "@platformatic/kafka";
import type {
  ConnectionPool,
  deleteRecordsV2 as deleteRecords,
  fetchV13,
  listOffsetsV7 as listOffsets,
} from "@platformatic/kafka";
import { setTimeout as sleep } from "node:timers/promises";
import { Backoff } from "./backoff.ts";
import type { Cluster, TopicInfo } from "./cluster.ts";
import { fetchedEntries } from "./fetched-entries.ts";
import { fetchOver, SESSIONLESS } from "./fetch-request.ts";
import type { Isolation } from "./fetch-request.ts";
import { rangeError } from "./follow-set.ts";
import { answered, Code, hasArray, unavailable } from "./protocol-errors.ts";

/** Connections to each broker for reads at a position, apart from those that carry long polls. */
const CONNECTION_COUNT = 2;
/** A place that somebody was told of, but whose checkpoint this partition has not heard the end of: how long to wait. */
const UNDECIDED_MS = 1_000;
const UNDECIDED_EVERY_MS = 2;
const EARLIEST = -2n;
const LATEST = -1n;
const ISOLATION_LEVELS: Record<Isolation, number> = { uncommitted: 0, committed: 1 };

const isListOffsets = hasArray<listOffsets.ListOffsetsResponse>("topics");
const isDeleteRecords = hasArray<deleteRecords.DeleteRecordsResponse>("topics");

/** Thrown where the leader has moved; the call is made again at the new one. */
class Moved extends Error {}

/** What is asked about one partition at its leader: entries at a position, its bounds, its trim. */
export class Reader {
  readonly #cluster: Cluster;
  readonly #pools: readonly ConnectionPool[];
  #turn = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#pools = Array.from({ length: CONNECTION_COUNT }, () => cluster.newPool());
  }

  /** As `Log.read`. */
  async read(
    name: string,
    partition: number,
    offset: number,
    maxBytes: number,
    isolation: Isolation,
  ): Promise<Entry[]> {
    const untilMs = performance.now() + UNDECIDED_MS;
    for (let position = offset; ;) {
      const fetched = await this.#fetch(name, partition, position, maxBytes, isolation);
      if (fetched === undefined) {
        const bounds = await this.bounds(name, partition, isolation);
        const error = rangeError(name, partition, position, bounds);
        if (error !== undefined) throw error;
        continue;
      }
      const { entries, nextOffset } = fetchedEntries(fetched, position);
      if (entries.length > 0) return withinBytes(entries, maxBytes);
      // Nothing but control records or rolled back entries: what is asked for comes after them.
      if (nextOffset > position) position = nextOffset;
      else if (position >= fetched.highWatermark || performance.now() > untilMs) return [];
      else await sleep(UNDECIDED_EVERY_MS);
    }
  }

  async bounds(name: string, partition: number, isolation: Isolation): Promise<Bounds> {
    const [start, end] = await Promise.all([
      this.#listOffset(name, partition, EARLIEST, isolation),
      this.#listOffset(name, partition, LATEST, isolation),
    ]);
    return { start, end };
  }

  async trim(name: string, partition: number, beforeOffset: number, isolation: Isolation): Promise<void> {
    const { start, end } = await this.bounds(name, partition, isolation);
    const before = Math.min(beforeOffset, end);
    if (before <= start) return;
    await this.#atLeader(name, partition, async (topic, nodeId) => {
      const connection = await this.#cluster.connection(this.#pool(), nodeId);
      const partitions = [{ partitionIndex: partition, offset: BigInt(before) }];
      const call = deleteRecordsV2.api.async(
        connection,
        [{ name: topic.name, partitions }],
        this.#cluster.settings.requestTimeoutMs,
      );
      const response = await answered(call, isDeleteRecords);
      checkCode(response.topics[0]?.partitions[0]?.errorCode ?? Code.none);
    });
  }

  /** Undefined where the offset is out of range. */
  async #fetch(
    name: string,
    partition: number,
    offset: number,
    maxBytes: number,
    isolation: Isolation,
  ): Promise<fetchV13.FetchResponsePartition | undefined> {
    return this.#atLeader(name, partition, async (topic, nodeId) => {
      const connection = await this.#cluster.connection(this.#pool(), nodeId);
      const places = [{ topicId: topic.id, partition, offset }];
      const limits = { maxWaitMs: 0, partitionBytes: maxBytes, isolation };
      const response = await fetchOver(connection, { ...SESSIONLESS, ...limits, places, forgotten: [] });
      const answer = response.responses[0]?.partitions[0];
      if (answer === undefined) throw new Moved();
      if (answer.errorCode === Code.offsetOutOfRange) return undefined;
      checkCode(answer.errorCode);
      return answer;
    });
  }

  async #listOffset(name: string, partition: number, timestamp: bigint, isolation: Isolation): Promise<number> {
    return this.#atLeader(name, partition, async (topic, nodeId) => {
      const connection = await this.#cluster.connection(this.#pool(), nodeId);
      const partitions = [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }];
      const topics = [{ name: topic.name, partitions }];
      const call = listOffsetsV7.api.async(connection, -1, ISOLATION_LEVELS[isolation], topics);
      const answer = (await answered(call, isListOffsets)).topics[0]?.partitions[0];
      if (answer === undefined) throw new Moved();
      checkCode(answer.errorCode);
      return Number(answer.offset);
    });
  }

  #pool(): ConnectionPool {
    this.#turn += 1;
    const pool = this.#pools[this.#turn % this.#pools.length];
    if (pool === undefined) throw new RangeError("there is no connection for reads");
    return pool;
  }

  /** Asks the partition's leader, again while it moves or cannot be reached, up to the delivery timeout. */
  async #atLeader<T>(
    name: string,
    partition: number,
    ask: (topic: TopicInfo, nodeId: number) => Promise<T>,
  ): Promise<T> {
    const backoff = new Backoff(this.#cluster.closing);
    const untilMs = Date.now() + this.#cluster.settings.requestTimeoutMs;
    for (;;) {
      const topic = await this.#cluster.topicWith(name, partition);
      try {
        return await ask(topic, topic.leaders[partition] ?? -1);
      } catch (cause) {
        const goesOn = Date.now() < untilMs && (await backoff.wait());
        if (!goesOn) throw this.#failure(name, partition, cause);
        await this.#cluster.refresh();
      }
    }
  }

  #failure(name: string, partition: number, cause: unknown): LogError {
    if (this.#cluster.closing.aborted) return new LogError("closed", "the log is closed: open it again");
    const message = `the leader of ${name}[${partition}] does not answer: try again`;
    return unavailable(message, this.#cluster.settings.limits.retryAfterMs, cause);
  }
}

function checkCode(code: number): void {
  if (code !== Code.none) throw new Moved(`Kafka answered with error ${code}`);
}

/** As many entries as fit, but the first in any case. */
function withinBytes(entries: Entry[], maxBytes: number): Entry[] {
  let bytes = 0;
  const count = entries.findIndex((entry) => {
    bytes += entrySizeBytes(entry);
    return bytes > maxBytes;
  });
  return count < 0 ? entries : entries.slice(0, Math.max(count, 1));
}
