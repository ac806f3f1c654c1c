/** The page's parts in their places. */
import { element, setAttributes } from "../dom.ts";
import type { Announcer } from "./announcer.ts";
import type { BreakBar } from "./break-bar.ts";
import type { PlainSide } from "./plain-side.ts";
import type { SessionSide } from "./session-side.ts";
import type { TopBar } from "./top-bar.ts";

export interface Views {
  readonly top: TopBar;
  readonly breaks: BreakBar;
  readonly left: SessionSide;
  readonly right: PlainSide;
  readonly announcer: Announcer;
}

/** On a phone one side is shown at a time, and both counters. */
export function frameOf({ top, breaks, left, right, announcer }: Views): HTMLElement {
  const show = element(
    "button",
    { type: "button", "aria-pressed": "true", "data-testid": "view-session" },
    "perdure session",
  );
  const showPlain = element(
    "button",
    { type: "button", "aria-pressed": "false", "data-testid": "view-plain" },
    "Plain stream",
  );
  const views = element("div", { class: "views", role: "group", "aria-label": "Side to show" }, show, showPlain);
  const sides = element("main", { class: "sides", "data-view": "session" }, views, left.root, right.root);
  for (const [button, name] of [
    [show, "session"],
    [showPlain, "plain"],
  ] as const) {
    button.addEventListener("click", () => {
      setAttributes(sides, { "data-view": name });
      setAttributes(show, { "aria-pressed": String(name === "session") });
      setAttributes(showPlain, { "aria-pressed": String(name === "plain") });
    });
  }
  return element("div", { class: "app" }, top.root, breaks.root, sides, announcer.root);
}
