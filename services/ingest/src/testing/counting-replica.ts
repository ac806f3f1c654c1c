import type { HeldSession, Publication, Replica, SessionListener } from "@perdure/replica";
import type { PageJson, RecordJson } from "@perdure/protocol";

/** A replica that counts how many records of agents are on the way at once. */
export class CountingReplica implements Replica {
  /** The most that ever were. */
  mostOpen = 0;
  readonly #replica: Replica;
  #open = 0;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  async attach(sessionKey: string, listener: SessionListener): Promise<HeldSession> {
    const held = await this.#replica.attach(sessionKey, listener);
    return {
      sessionKey,
      state: held.state,
      acceptedSince: (seq) => held.acceptedSince(seq),
      publish: (record) => this.#count(record, held.publish(record)),
      detach: () => held.detach(),
    };
  }

  readPage(sessionKey: string, epoch: number, pageNumber: number): Promise<PageJson | undefined> {
    return this.#replica.readPage(sessionKey, epoch, pageNumber);
  }

  append(sessionKey: string, record: RecordJson): ReturnType<Replica["append"]> {
    return this.#replica.append(sessionKey, record);
  }

  close(): Promise<void> {
    return this.#replica.close();
  }

  #count(record: RecordJson, publication: Publication): Publication {
    if (record.actor?.role !== "ROLE_AGENT") return publication;
    this.#open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.#open);
    const done = (): void => {
      this.#open -= 1;
    };
    publication.applied.finally(done).catch(() => undefined);
    return publication;
  }
}
