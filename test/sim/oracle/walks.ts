import { canonical, project, projectPage } from "@perdure/core";
import type { HeadJson, PageJson } from "@perdure/protocol";
import type { Walked } from "../cluster/recorder.ts";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

const FAMILIES = ["messages", "runs", "requests", "controls", "takeovers"] as const;

/**
 * Asks the fold to stop where somebody read a session's state, and compares with it that state and all the past that was
 * found behind it. `open` are those that were not compared yet.
 */
export function compareWalked(history: History, open: Set<Walked>, findings: Findings): void {
  for (const walked of open) {
    if (walked.sessionKey !== history.sessionKey) continue;
    history.whenAt(walked.head.seq ?? 0, (state) => {
      if (String(state.epoch) !== walked.head.epoch) return;
      open.delete(walked);
      const { level, head, pages } = walked;
      const shed = history.pages.map((page) => projectPage(page, level));
      const at = `${history.sessionKey} at ${head.seq ?? 0}, read over HTTP by ${level}`;
      if (canonical(head) !== canonical(project(state, level)))
        findings.add("resume", `${at}, is not what the log says`);
      const numbers = pages.map(({ number = 0 }) => number).join(" ");
      if (numbers !== shed.map(({ number = 0 }) => number).join(" ")) {
        findings.add("resume", `${at}: before it come pages ${numbers}, and there are ${shed.length}`);
      } else if (pages.some((page, number) => canonical(page) !== canonical(shed[number] ?? {}))) {
        findings.add("resume", `${at}: a page before it is not what left the state`);
      }
      checkSeam(at, head, pages, findings);
    });
  }
}

/** Each item stands in one place; a message that is larger than a page in one piece after the other. */
function checkSeam(at: string, head: HeadJson, pages: readonly PageJson[], findings: Findings): void {
  for (const family of FAMILIES) {
    const seen = new Set<string>();
    for (const place of [...pages, head]) {
      const isPiece = "piece" in place && (place.piece ?? 0) > 1;
      for (const { id = "" } of place[family] ?? []) {
        if (seen.has(id) && !isPiece) findings.add("resume", `${at}: ${id} of ${family} is there twice`);
        seen.add(id);
      }
    }
  }
}
