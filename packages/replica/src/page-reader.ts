import type { Entry, Log } from "@perdure/log";
import { decodePage, type IndexEntryJson, type PageJson, parsePageKey } from "@perdure/protocol";
import { entryKeyText } from "./entry-key.ts";
import { TOPICS } from "./topics.ts";

/** Which page of which life of which session. */
export interface WantedPage {
  readonly partition: number;
  readonly sessionKey: string;
  readonly epoch: number;
  readonly number: number;
}

const OFFSETS_KEPT = 10_000;

/**
 * Finds pages by their offsets: the index names the newest, and each page names up to 128 before it. What was learnt on
 * the way is kept, so that walking back through a long history costs one read a page.
 */
export class PageReader {
  readonly #log: Pick<Log, "read">;
  readonly #offsets = new Map<string, number>();

  constructor(log: Pick<Log, "read">) {
    this.#log = log;
  }

  /** Undefined where the session's index entry knows of no such page. Throws LogError. */
  async read(wanted: WantedPage, entry: () => Promise<IndexEntryJson | undefined>): Promise<PageJson | undefined> {
    const known = this.#offsets.get(offsetKey(wanted, wanted.number));
    let offset = known ?? newestOffset(wanted, await entry());
    while (offset !== undefined) {
      const page = await this.#readAt(wanted, offset);
      if (page === undefined) return undefined;
      this.#learn(wanted, page, offset);
      const back = (page.number ?? 0) - wanted.number;
      if (back === 0) return withoutOffsets(page);
      offset = earlierOffset(page, back);
    }
    return undefined;
  }

  async #readAt(wanted: WantedPage, offset: number): Promise<PageJson | undefined> {
    const [found] = await this.#log.read(TOPICS.pages, wanted.partition, offset, { maxBytes: 1 });
    return found?.offset === offset ? pageOf(wanted, found) : undefined;
  }

  #learn(wanted: WantedPage, page: PageJson, offset: number): void {
    const number = page.number ?? 0;
    this.#remember(offsetKey(wanted, number), offset);
    for (const [back, previous] of (page.previous ?? []).entries()) {
      this.#remember(offsetKey(wanted, number - back - 1), Number(previous));
    }
  }

  #remember(key: string, offset: number): void {
    this.#offsets.delete(key);
    this.#offsets.set(key, offset);
    if (this.#offsets.size <= OFFSETS_KEPT) return;
    const [oldest] = this.#offsets.keys();
    if (oldest !== undefined) this.#offsets.delete(oldest);
  }
}

const offsetKey = ({ sessionKey, epoch }: WantedPage, number: number): string => `${sessionKey}\0${epoch}\0${number}`;

function newestOffset(wanted: WantedPage, entry: IndexEntryJson | undefined): number | undefined {
  if (entry?.pageOffset === undefined || Number(entry.epoch ?? 0) !== wanted.epoch) return undefined;
  return Number(entry.pageOffset);
}

function pageOf(wanted: WantedPage, { key, value }: Entry): PageJson | undefined {
  const name = parsePageKey(entryKeyText({ key }));
  if (value === null || name?.sessionKey !== wanted.sessionKey || name.epoch !== wanted.epoch) return undefined;
  return decodePage(value);
}

/** Where the page `back` before this one is, or the earliest one known on the way there. */
function earlierOffset({ previous = [] }: PageJson, back: number): number | undefined {
  const offset = back < 0 ? undefined : (previous[back - 1] ?? previous.at(-1));
  return offset === undefined ? undefined : Number(offset);
}

function withoutOffsets({ previous: _previous, ...page }: PageJson): PageJson {
  return page;
}
