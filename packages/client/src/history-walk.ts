import { followedState } from "@perdure/core";
import type { MessageStateJson, PageJson } from "@perdure/protocol";
import type { PageFrame } from "@perdure/protocol/frames";
import type { MessageView, RunView } from "./view.ts";
import { ViewBuilder } from "./view-builder.ts";

/** A stretch of the past, oldest first. */
export interface HistoryPage {
  readonly messages: readonly MessageView[];
  readonly runs: readonly RunView[];
}

/** Asks for the newest page below `before`; waits while the session is not attached. */
export type PageReader = (before: number | undefined) => Promise<Pick<PageFrame, "page" | "before">>;

/**
 * The past page by page, newest first, as far as it is not in the view. `known`: ids of messages and runs that the view shows
 * already, since a client keeps what it has seen for longer than the server keeps it at hand. `pastPages`: those that are not in the
 * view, where that is known already.
 */
export async function* walkHistory(
  read: PageReader,
  known: (id: string) => boolean,
  pastPages: number | undefined,
): AsyncGenerator<HistoryPage, void, undefined> {
  let later: MessageStateJson[] = [];
  if (pastPages === 0) return;
  let before = pastPages;
  do {
    const answer = await read(before);
    if (answer.page === undefined) return;
    const { page } = answer;
    ({ before } = answer);
    // A message larger than a page comes in pieces, the last one first.
    if ((page.piece ?? 0) > 1) later = [...(page.messages ?? []), ...later];
    else {
      yield viewOf({ ...page, messages: joined([...(page.messages ?? []), ...later]) }, known);
      later = [];
    }
  } while (before !== undefined);
}

/** Pieces of one message made whole again. */
function joined(messages: readonly MessageStateJson[]): MessageStateJson[] {
  const byId = new Map<string, MessageStateJson>();
  for (const message of messages) {
    const first = byId.get(message.id ?? "");
    const parts = [...(first?.parts ?? []), ...(message.parts ?? [])];
    byId.set(message.id ?? "", { ...message, parts });
  }
  return [...byId.values()];
}

function viewOf(page: PageJson, known: (id: string) => boolean): HistoryPage {
  const { epoch = "0", messages = [], runs = [] } = page;
  const { messageById, runs: runViews } = new ViewBuilder().build({
    id: "",
    state: followedState({ epoch, messages, runs }),
    pending: [],
    unsavedCount: 0,
    participant: "",
    member: undefined,
    typing: [],
    chosenVersions: new Map(),
    nowMs: 0,
  });
  const isNews = ({ id }: { readonly id: string }): boolean => !known(id);
  return { messages: [...messageById.values()].filter(isNews), runs: runViews.filter(isNews) };
}
