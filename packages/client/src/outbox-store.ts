import type { OutboxEntry } from "./outbox-lane.ts";
import { fieldsOf } from "./fields.ts";
import type { KeyValueStore, LockManager } from "./environment.ts";

/** Whose records they are: they are never sent under another name. */
export interface Identity {
  readonly tenant: string;
  readonly participant: string;
}

/** What one producer has on its way in one session, in order. */
export interface StoredLane {
  readonly session: string;
  readonly producer: string;
  readonly entries: readonly OutboxEntry[];
}

/** Takes over what `page`, which is gone, had not got through. */
export type Adopter = (page: string, lanes: readonly StoredLane[]) => void;

export interface OutboxStoreOptions {
  readonly store: KeyValueStore;
  /** Tells apart the clients of different servers. */
  readonly prefix: string;
  /** Names this page load. */
  readonly page: string;
  /** Absent: the store has one user at a time, and whatever is in it may be taken over. */
  readonly locks: LockManager | undefined;
}

/**
 * Keeps unacknowledged records over page loads. Each page holds a Web Lock of its own name for as long as it lives,
 * so that another page which gets that lock knows the owner to be gone, and is the only one to take over.
 */
export class OutboxStore {
  readonly #options: OutboxStoreOptions;
  /** By page: those taken over, and this one. */
  readonly #lanes = new Map<string, StoredLane[]>();
  readonly #release = new Map<string, () => void>();
  #identity: Identity | undefined;

  constructor(options: OutboxStoreOptions) {
    this.#options = options;
    void this.#hold(options.page, false);
  }

  /** The server has said who this is; what the same participant left behind is handed to `adopt`. */
  async identify(identity: Identity, adopt: Adopter): Promise<void> {
    this.#identity = identity;
    this.#write(this.#options.page);
    for (const page of this.#storedPages()) {
      if (this.#lanes.has(page) || page === this.#options.page) continue;
      const lanes = this.#read(page, identity);
      if (lanes === undefined || !(await this.#hold(page, true))) continue;
      this.#lanes.set(page, lanes);
      adopt(page, lanes);
    }
  }

  /** What still waits; replaces what was said of that session and producer before. */
  save(page: string, lane: StoredLane): void {
    const others = (this.#lanes.get(page) ?? []).filter(
      ({ session, producer }) => session !== lane.session || producer !== lane.producer,
    );
    this.#lanes.set(page, lane.entries.length > 0 ? [...others, lane] : others);
    this.#write(page);
  }

  /** Lets other pages have what is left. */
  close(): void {
    for (const release of this.#release.values()) release();
    this.#release.clear();
  }

  #write(page: string): void {
    const lanes = this.#lanes.get(page);
    const { store } = this.#options;
    if (lanes === undefined || lanes.length === 0) {
      store.removeItem(this.#key(page));
      if (page !== this.#options.page) this.#release.get(page)?.();
      return;
    }
    try {
      store.setItem(this.#key(page), JSON.stringify({ ...this.#identity, lanes }));
    } catch {
      // No room: the records live as long as the page. An older copy would send again what was settled since.
      store.removeItem(this.#key(page));
    }
  }

  #read(page: string, identity: Identity): StoredLane[] | undefined {
    const stored = parseStored(this.#options.store.getItem(this.#key(page)));
    const own = stored?.tenant === identity.tenant && stored.participant === identity.participant;
    return own ? [...stored.lanes] : undefined;
  }

  #storedPages(): string[] {
    const { store } = this.#options;
    const keys = Array.from({ length: store.length }, (_, index) => store.key(index) ?? "");
    const start = this.#key("");
    return keys.filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  #key(page: string): string {
    return `${this.#options.prefix}outbox:${page}`;
  }

  /** Resolves to whether the lock is held now; it stays so until released or the page ends. */
  async #hold(page: string, ifAvailable: boolean): Promise<boolean> {
    const { locks } = this.#options;
    if (locks === undefined) return true;
    const { promise: outcome, resolve } = Promise.withResolvers<boolean>();
    locks
      .request(this.#key(page), { ifAvailable }, (lock) => {
        resolve(lock !== null);
        return lock === null ? Promise.resolve() : new Promise<void>((release) => this.#release.set(page, release));
      })
      .catch(() => resolve(false));
    return outcome;
  }
}

interface StoredOutbox extends Identity {
  readonly lanes: readonly StoredLane[];
}

function parseStored(source: string | null): StoredOutbox | undefined {
  try {
    const value: unknown = JSON.parse(source ?? "null");
    return isStoredOutbox(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStoredOutbox(value: unknown): value is StoredOutbox {
  const { tenant, participant, lanes } = fieldsOf(value);
  return typeof tenant === "string" && typeof participant === "string" && Array.isArray(lanes) && lanes.every(isLane);
}

function isLane(value: unknown): value is StoredLane {
  const { session, producer, entries } = fieldsOf(value);
  return (
    typeof session === "string" && typeof producer === "string" && Array.isArray(entries) && entries.every(isEntry)
  );
}

function isEntry(value: unknown): value is OutboxEntry {
  const { number, born, events } = fieldsOf(value);
  return Number.isInteger(number) && Number.isInteger(born) && Array.isArray(events);
}
