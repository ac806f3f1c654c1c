/** Name, session, who is here, and how the connection is. */
import type { SessionView } from "@perdure/client";
import { activeRun, agentsOf } from "../conversation/conversation.ts";
import { element, icon, setAttributes, setChildren, setText } from "../dom.ts";

/** How the connection is, in words for people. */
export interface ConnectionWords {
  readonly tone: "good" | "wait" | "bad";
  readonly text: string;
}

const PRESENCE = {
  here: ["good", ""],
  busy: ["wait", "busy"],
  lost: ["bad", "connection lost"],
  crashed: ["bad", "crashed"],
  left: ["", "not here"],
  unknown: ["", ""],
} as const;

export class TopBar {
  readonly root: HTMLElement;
  readonly #presence = element("ul", { class: "presence", "aria-label": "Who is here", "data-testid": "presence" });
  readonly #dot = element("span", { class: "dot wait" });
  readonly #state = element("span", {}, "connecting");
  readonly #connection = element("p", { class: "connection", "data-testid": "connection" }, this.#dot, this.#state);
  #present = "";

  constructor(session: string) {
    const mark = icon("M0 3h7v6H0z", "M9 3h7v6H9z", "M18 3h8v6h-8z");
    mark.setAttribute("viewBox", "0 0 26 12");
    mark.removeAttribute("class");
    this.root = element(
      "header",
      { class: "top" },
      element("h1", { class: "wordmark" }, mark, "perdure"),
      element(
        "p",
        { class: "session-name" },
        element("code", {}, session),
        "  ",
        element("a", { href: newSessionPath(), "data-testid": "new-session" }, "new session"),
        " · ",
        element(
          "a",
          { href: `/s/${session}?as=operator`, target: "_blank", "data-testid": "as-operator" },
          "as operator",
        ),
      ),
      this.#presence,
      this.#connection,
    );
  }

  showConnection({ tone, text }: ConnectionWords): void {
    setAttributes(this.#dot, { class: `dot ${tone}` });
    setText(this.#state, text);
    setAttributes(this.#connection, { "data-tone": tone });
  }

  showPresence({ members, agents, runs }: Pick<SessionView, "members" | "agents" | "runs">): void {
    const people = members.map(({ member, name, device, self }) => ({
      key: member,
      tone: "good",
      name: self ? `${name} (this device)` : name,
      state: self ? "" : device,
    }));
    const programs = agentsOf(agents).map(({ agent, instance, presence }) => {
      // Agents are in a session while they work in it: one that is gone is missed only by a run that goes on.
      const [tone, state] =
        activeRun(runs) === undefined && presence === "crashed" ? PRESENCE.left : PRESENCE[presence];
      return { key: instance, tone, name: agent, state };
    });
    const all = [...people, ...programs];
    const present = JSON.stringify(all);
    if (present === this.#present) return;
    this.#present = present;
    setChildren(
      this.#presence,
      all.map(({ tone, name, state }) =>
        element(
          "li",
          { class: tone === "bad" ? "lost" : undefined },
          element("span", { class: `dot ${tone}` }),
          name,
          state === "" ? undefined : element("span", { class: "state" }, state),
        ),
      ),
    );
  }
}

/** A session of a new name. */
export function newSessionPath(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(5));
  return `/s/${[...bytes].map((byte) => (byte % 36).toString(36)).join("")}`;
}
