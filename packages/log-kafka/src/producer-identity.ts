import { initProducerIdV4 } from "@platformatic/kafka";
import type { Cluster } from "./cluster.ts";

/** Under which the brokers tell a batch that is sent again from a new one. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/**
 * The identity of this process's idempotent appends. A partition whose history the brokers have forgotten, or whose
 * last batch was given up with an unknown outcome, must go on under a new one.
 */
export class ProducerIdentities {
  readonly #cluster: Cluster;
  #current: ProducerIdentity | undefined;
  #asking: Promise<ProducerIdentity> | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The identity for a batch that has not been sent yet, where there is one. */
  get current(): ProducerIdentity | undefined {
    return this.#current;
  }

  /** Gives up an identity, so that the next batches go out under a new one. */
  retire(identity: ProducerIdentity | undefined): void {
    if (this.#current === identity) this.#current = undefined;
  }

  /** The current identity, asked for where there is none. Rejects where no broker gives one. */
  async obtain(): Promise<ProducerIdentity> {
    if (this.#current !== undefined) return this.#current;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<ProducerIdentity> {
    const connection = await this.#cluster.control();
    const { producerId, producerEpoch } = await initProducerIdV4.api.async(connection, null, 0, -1n, -1);
    this.#current = { producerId, producerEpoch };
    return this.#current;
  }
}
