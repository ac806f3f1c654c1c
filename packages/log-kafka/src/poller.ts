import type { ConnectionPool, fetchV13 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";
import { fetchOver, PARTITION_FETCH_BYTES } from "./fetch-request.ts";
import type { Isolation } from "./fetch-request.ts";
import { FetchSession } from "./fetch-session.ts";
import type { FollowedPlace } from "./fetch-session.ts";

/** A connection of its own to one broker with one fetch session on it, and one fetch in flight at most. */
export class Poller {
  readonly #cluster: Cluster;
  readonly #nodeId: number;
  readonly #isolation: Isolation;
  readonly #session = new FetchSession();
  readonly #pool: ConnectionPool;

  constructor(cluster: Cluster, nodeId: number, isolation: Isolation) {
    this.#cluster = cluster;
    this.#nodeId = nodeId;
    this.#isolation = isolation;
    // A broker may be silent for as long as it was asked to wait.
    const { longPollMs, requestTimeoutMs } = cluster.settings;
    this.#pool = cluster.newPool({ requestTimeout: longPollMs + requestTimeoutMs });
  }

  /**
   * The answer of the broker, which may take `maxWaitMs` where it has nothing to say; `undefined` where it has lost the
   * session, so that the same is to be asked again. Rejects where there is no answer.
   */
  async poll(
    places: ReadonlyMap<string, FollowedPlace>,
    maxWaitMs: number,
  ): Promise<fetchV13.FetchResponse | undefined> {
    try {
      const connection = await this.#cluster.connection(this.#pool, this.#nodeId);
      const part = this.#session.request(places);
      const limits = { maxWaitMs, partitionBytes: PARTITION_FETCH_BYTES, isolation: this.#isolation };
      const response = await fetchOver(connection, { ...part, ...limits });
      return this.#session.answered(response) ? response : undefined;
    } catch (error) {
      this.#session.reset();
      throw error;
    }
  }

  /** Closes its connection; a poll in flight rejects. */
  close(): void {
    void this.#cluster.closePool(this.#pool).catch(() => undefined);
  }
}
