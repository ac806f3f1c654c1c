import type { ConnectionPool, fetchV13 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import { fetchOver, PARTITION_FETCH_BYTES } from "./fetch-request.ts";
import type { FetchPlace, Isolation } from "./fetch-request.ts";
import { FetchSession } from "./fetch-session.ts";

/** A connection of its own to one broker with one fetch session on it, and one fetch in flight at most. */
export class Poller {
  readonly #cluster: Cluster;
  readonly #nodeId: number;
  readonly #isolation: Isolation;
  readonly #session = new FetchSession();
  #pool: ConnectionPool;
  #isPolling = false;

  constructor(cluster: Cluster, nodeId: number, isolation: Isolation) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#isolation = isolation;
    this.#pool = this.#newPool();
  }

  get isPolling(): boolean {
    return this.#isPolling;
  }

  /**
   * The answer of the broker, which may take `maxWaitMs` where it has nothing to say; `undefined` where it has lost the
   * session, so that the same is to be asked again. Rejects where there is no answer.
   */
  async poll(places: ReadonlyMap<string, FetchPlace>, maxWaitMs: number): Promise<fetchV13.FetchResponse | undefined> {
    const pool = this.#pool;
    this.#isPolling = true;
    try {
      const connection = await this.#cluster.connection(pool, this.#nodeId);
      const part = this.#session.request(places);
      const limits = { maxWaitMs, partitionBytes: PARTITION_FETCH_BYTES, isolation: this.#isolation };
      const response = await fetchOver(connection, { ...part, ...limits });
      if (pool !== this.#pool) throw new Error("this poll was given up");
      return this.#session.answered(response) ? response : undefined;
    } catch (error) {
      if (pool === this.#pool) this.#session.reset();
      throw error;
    } finally {
      if (pool === this.#pool) this.#isPolling = false;
    }
  }

  /** Gives up the poll in flight with its connection, to be free for another at once. */
  abandon(): void {
    void this.#cluster.closePool(this.#pool).catch(() => undefined);
    this.#pool = this.#newPool();
    this.#session.reset();
    this.#isPolling = false;
  }

  /** A broker may be silent for as long as it was asked to wait. */
  #newPool(): ConnectionPool {
    const { longPollMs, requestTimeoutMs } = this.#cluster.settings;
    return this.#cluster.newPool({ requestTimeout: longPollMs + requestTimeoutMs });
  }
}
