import { type Level, PerdureError, projectPage } from "@perdure/core";
import type { PageFrame } from "@perdure/protocol";
import type { HeldSession, Replica } from "@perdure/replica";

/** Reads what a session has shed, newest first, as a reader of some level sees it. */
export class HistoryReader {
  readonly #replica: Pick<Replica, "readPage">;

  constructor(replica: Pick<Replica, "readPage">) {
    this.#replica = replica;
  }

  /** The newest page below `before`. Throws what the replica throws, and `history_lost` where a page is missing. */
  async read(held: HeldSession, before: number | undefined, level: Level): Promise<Pick<PageFrame, "page" | "before">> {
    const { sessionKey, state } = held;
    const number = Math.min(before ?? state.nextPage, state.nextPage) - 1;
    if (state.epoch === undefined || number < 0) return {};
    const page = await this.#replica.readPage(sessionKey, state.epoch, number);
    if (page === undefined) throw new PerdureError("history_lost", `page ${number} of ${sessionKey} is missing`);
    return { page: projectPage(page, level), ...(number > 0 && { before: number }) };
  }
}
