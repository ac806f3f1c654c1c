import { project, projectPage } from "@perdure/core";
import type { HeadJson, MessageStateJson, PageJson } from "@perdure/protocol";
import { word } from "../../../packages/client/src/words.ts";
import type { Level, ShownItem, Whole } from "../cluster/recorder.ts";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

const KINDS = ["messages", "runs"] as const;
type Items = Record<(typeof KINDS)[number], Map<string, string>>;

/**
 * Asks the fold to stop where a page showed a session with all of its past, and compares: each message and run that there
 * ever was has to be there, from the first on, once, and as it is. `open` are those that were not compared yet.
 */
export function compareWholes(history: History, open: Set<Whole>, findings: Findings): void {
  const past = { all: new Past("all"), staff: new Past("staff") };
  for (const whole of open) {
    if (whole.sessionKey !== history.sessionKey) continue;
    history.whenAt(whole.seq, (state) => {
      open.delete(whole);
      const items = itemsOf(project(state, whole.level), past[whole.level].upTo(history.pages));
      for (const kind of KINDS) {
        const fault = faultOf(whole[kind], items[kind]);
        if (fault === undefined) continue;
        const at = `${whole.reader} shows ${whole.sessionKey} at ${whole.seq} with its past`;
        findings.add("resume", `${at}, and of its ${kind} ${fault}`);
      }
    });
  }
}

/** What has left a session's state, as one level sees it: pages are projected once, in the order in which they left. */
class Past {
  readonly #level: Level;
  readonly #pages: PageJson[] = [];

  constructor(level: Level) {
    this.#level = level;
  }

  upTo(pages: readonly PageJson[]): readonly PageJson[] {
    for (const page of pages.slice(this.#pages.length)) this.#pages.push(projectPage(page, this.#level));
    return this.#pages;
  }
}

function itemsOf(head: HeadJson, pages: readonly PageJson[]): Items {
  const items: Items = { messages: new Map(), runs: new Map() };
  for (const { messages = [], runs = [] } of [...pages, head]) {
    for (const message of messages) {
      const { id = "" } = message;
      // A message larger than a page comes in pieces.
      items.messages.set(id, `${items.messages.get(id) ?? ""}${textOf(message)}`);
    }
    for (const { id = "", phase } of runs) items.runs.set(id, word("RUN_PHASE", phase));
  }
  return items;
}

const textOf = ({ parts = [] }: MessageStateJson): string =>
  parts.map(({ part }) => (part?.kind === "PART_KIND_TEXT" ? (part.text ?? "") : "")).join("");

function faultOf(shown: readonly ShownItem[], items: ReadonlyMap<string, string>): string | undefined {
  const seen = new Set<string>();
  for (const { id, says } of shown) {
    if (seen.has(id)) return `${id} twice`;
    seen.add(id);
    if (items.get(id) !== says)
      return `${id} as "${says.slice(-20)}", which is "${items.get(id)?.slice(-20) ?? "not there"}"`;
  }
  const [missing] = [...items.keys()].filter((id) => !seen.has(id));
  return missing === undefined ? undefined : `not ${missing}`;
}
