import type { Log } from "@perdure/log";
import { decodePage } from "@perdure/protocol";
import { type SessionIndex, TOPICS } from "@perdure/replica";

/** Offsets that a page names: 128 pages back cost half a kilobyte, a fiftieth of a page. */
const CHAIN_LENGTH = 128;

/** Offsets of a session's newest pages, the newest first: what the next page names, so that readers find the way back. */
export class PageChains {
  readonly #log: Pick<Log, "read">;
  readonly #partition: number;
  readonly #index: Pick<SessionIndex, "find">;
  /** Of sessions for which this process has written pages. */
  readonly #written = new Map<string, readonly number[]>();

  constructor(log: Pick<Log, "read">, partition: number, index: Pick<SessionIndex, "find">) {
    this.#log = log;
    this.#partition = partition;
    this.#index = index;
  }

  /** Offset of the session's newest page in the log. */
  newest(sessionKey: string): number | undefined {
    const written = this.#written.get(sessionKey)?.[0];
    if (written !== undefined) return written;
    const offset = this.#index.find(sessionKey)?.pageOffset;
    return offset === undefined ? undefined : Number(offset);
  }

  /** The chain that the page of this life and number continues. Throws LogError. */
  async before(sessionKey: string, epoch: number, pageNumber: number): Promise<readonly number[]> {
    if (pageNumber === 0) return [];
    const written = this.#written.get(sessionKey);
    if (written !== undefined) return written;
    const newest = this.newest(sessionKey);
    return newest === undefined ? [] : this.#read(epoch, pageNumber, newest);
  }

  longer(chain: readonly number[], offset: number): readonly number[] {
    return [offset, ...chain].slice(0, CHAIN_LENGTH);
  }

  /** The pages up to here are in the log. */
  written(sessionKey: string, chain: readonly number[]): void {
    this.#written.set(sessionKey, chain);
  }

  /** The session is no longer in memory, and the index says what was known here. */
  forget(sessionKey: string): void {
    this.#written.delete(sessionKey);
  }

  /** The newest page may be this very one or a later one: of a checkpoint that was made, though this process was not told. */
  async #read(epoch: number, pageNumber: number, newest: number): Promise<readonly number[]> {
    const [found] = await this.#log.read(TOPICS.pages, this.#partition, newest, { maxBytes: 1 });
    if (found?.offset !== newest || found.value === null) return [newest];
    const page = decodePage(found.value);
    if (Number(page.epoch ?? 0) !== epoch) return [];
    const previous = (page.previous ?? []).map(Number);
    const ahead = (page.number ?? 0) - pageNumber;
    return ahead < 0 ? this.longer(previous, newest) : previous.slice(ahead);
  }
}
