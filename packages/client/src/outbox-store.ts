import type { KeyValueStore, LockManager } from "./environment.ts";
import { fieldsOf } from "./fields.ts";
import { Kept } from "./kept.ts";
import { isEntry, type OutboxEntry } from "./outbox-entry.ts";
import type { LaneName, LaneStore } from "./outbox-lane.ts";

/** Whose records they are: they are never sent under another name. */
export interface Identity {
  readonly tenant: string;
  readonly participant: string;
}

/** What one producer has on its way in one session, in order. */
export interface StoredLane extends LaneName {
  readonly entries: readonly OutboxEntry[];
}

export interface OutboxStoreOptions {
  readonly store: KeyValueStore;
  /** Tells apart the clients of different servers. */
  readonly prefix: string;
  /** Names this page load. */
  readonly page: string;
  /** Absent: nobody knows which pages live, and what is in the store may be sent by several at once. */
  readonly locks: LockManager | undefined;
  /** The store takes no more of the session; told again only when it has taken some meanwhile. */
  readonly onFull: (session: string) => void;
}

/** `page:session:producer:number`. */
const KEY_PATTERN = /^(.+):([^:]+):([\w-]+):(\d+)$/;

/**
 * Keeps unacknowledged records over page loads, once it is known whose they are. Each page holds a Web Lock of its own name
 * for as long as it lives, so that another page which gets that lock knows the owner to be gone, and is the only one to
 * take over.
 *
 * What is read may be older than what was written, since a browser that crashes may lose the last writes. It makes no
 * second event all the same, as each record goes by the same names whoever sends it (`nameOf`): docs/architecture.md.
 */
export class OutboxStore implements LaneStore {
  readonly #options: OutboxStoreOptions;
  readonly #kept: Kept;
  readonly #start: string;
  /** This page, and those that it takes over. */
  readonly #pages: Set<string>;
  /** Sessions of which it took no more the last time. */
  readonly #full = new Set<string>();
  readonly #closed = Promise.withResolvers<void>();
  #identity: Identity | undefined;

  constructor(options: OutboxStoreOptions) {
    const { store, prefix, page } = options;
    this.#options = options;
    this.#kept = new Kept(store);
    this.#start = `${prefix}outbox:`;
    this.#pages = new Set([page]);
    void this.#hold(page, false);
  }

  /** The server has said who this is. Resolves when what the same participant left behind is this page's to send. */
  async identify(identity: Identity): Promise<void> {
    this.#identity = identity;
    for (const { page } of this.#stored((lane) => !this.#pages.has(lane.page))) {
      if (!this.#pages.has(page) && (await this.#hold(page, true))) this.#pages.add(page);
    }
  }

  /** What is stored for a session, and no other page sends. */
  left(session: string): readonly StoredLane[] {
    return this.#stored((lane) => lane.session === session && this.#pages.has(lane.page));
  }

  /** False: there is no room, or nobody knows yet whose it is. */
  keep(lane: LaneName, entry: OutboxEntry): boolean {
    if (this.#identity === undefined) return false;
    const isKept = this.#kept.write(this.#key(lane, entry.number), { ...this.#identity, entry });
    if (isKept) this.#full.delete(lane.session);
    else this.#tellFull(lane.session);
    return isKept;
  }

  drop(lane: LaneName, number: number): void {
    this.#kept.remove(this.#key(lane, number));
  }

  /** Lets other pages have what is left. */
  close(): void {
    this.#closed.resolve();
  }

  /** What is stored of this participant in those lanes. Keys tell which they are, so that nothing else is read. */
  #stored(isWanted: (lane: LaneName) => boolean): StoredLane[] {
    if (this.#identity === undefined) return [];
    const lanes = new Map<string, LaneName & { readonly entries: OutboxEntry[] }>();
    for (const key of this.#kept.keysAfter(this.#start)) {
      const [, page = "", session = "", producer = "", number] = KEY_PATTERN.exec(key) ?? [];
      if (!isWanted({ page, session, producer })) continue;
      const { tenant, participant, entry } = fieldsOf(this.#kept.read(this.#start + key));
      const isOwn = tenant === this.#identity.tenant && participant === this.#identity.participant;
      if (!isOwn || !isEntry(entry) || entry.number !== Number(number)) continue;
      const id = `${page}:${session}:${producer}`;
      const lane = lanes.get(id) ?? { page, session, producer, entries: [] };
      lane.entries.push(entry);
      lanes.set(id, lane);
    }
    for (const { entries } of lanes.values()) entries.sort((one, other) => one.number - other.number);
    return [...lanes.values()];
  }

  #tellFull(session: string): void {
    if (this.#full.has(session)) return;
    this.#full.add(session);
    this.#options.onFull(session);
  }

  #key({ page, session, producer }: LaneName, number: number): string {
    return `${this.#start}${page}:${session}:${producer}:${number}`;
  }

  /** Resolves to whether the lock is held now; it stays so until the store is closed or the page ends. */
  async #hold(page: string, ifAvailable: boolean): Promise<boolean> {
    const { locks } = this.#options;
    if (locks === undefined) return true;
    const { promise: outcome, resolve } = Promise.withResolvers<boolean>();
    locks
      .request(this.#start + page, { ifAvailable }, (lock) => {
        resolve(lock !== null);
        return lock === null ? Promise.resolve() : this.#closed.promise;
      })
      .catch(() => resolve(false));
    return outcome;
  }
}
