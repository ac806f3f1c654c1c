import { PerdureError } from "@perdure/core";
import type { MessageStateJson, PageJson } from "@perdure/protocol";
import type { Clock } from "../clock.ts";

/** Where pages of a session's past come from. */
export interface PageSource {
  /** The newest page below `beforePage` (0: the newest of all), and what to ask with for the one before; 0: none. */
  page(session: string, beforePage: number): Promise<{ readonly page: PageJson | undefined; readonly before: number }>;
}

/**
 * The messages of these ids that have left a session's current state for its pages, in the order of the ids; those that
 * are not found are missing. Throws PerdureError as the source does.
 */
export async function pastMessages(
  source: PageSource,
  session: string,
  ids: readonly string[],
): Promise<readonly MessageStateJson[]> {
  const found = new Map<string, MessageStateJson>();
  const missing = new Set(ids);
  for (let before = 0, first = true; missing.size > 0 && (first || before > 0); first = false) {
    const { page, before: next } = await source.page(session, before);
    for (const message of page?.messages ?? []) {
      const { id = "" } = message;
      if (!missing.has(id)) continue;
      found.set(id, joined(message, found.get(id)));
      // A message that is larger than a page is split by part; its first piece comes last here.
      if ((page?.piece ?? 0) <= 1) missing.delete(id);
    }
    before = next;
  }
  return ids.flatMap((id) => found.get(id) ?? []);
}

const joined = (piece: MessageStateJson, later: MessageStateJson | undefined): MessageStateJson => ({
  ...piece,
  parts: [...(piece.parts ?? []), ...(later?.parts ?? [])],
});

/** A page is written some seconds after the state has let go of it; so often is it asked for. */
const TRIES = 40;

/** As `source`, but comes back for what is not there yet, when it is told to. */
export function patient(source: PageSource, clock: Clock): PageSource {
  return {
    async page(session, beforePage) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await source.page(session, beforePage);
        } catch (error) {
          const delayMs = error instanceof PerdureError ? error.retryAfterMs : undefined;
          if (delayMs === undefined || tries === TRIES) throw error;
          await new Promise<void>((resolve) => void clock.after(delayMs, resolve));
        }
      }
    },
  };
}
