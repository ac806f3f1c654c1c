/** Buttons that break both sides in the same way. */
import { element, icon, setText } from "../dom.ts";
import type { ProcessStatus } from "../supervisor.ts";

export interface BreakActions {
  offline(): Promise<unknown>;
  killAgent(): Promise<unknown>;
  killServer(): Promise<unknown>;
  secondDevice(): Promise<unknown>;
}

export const OFFLINE_MS = 10_000;

interface Break {
  readonly name: string;
  readonly label: string;
  readonly title: string;
  readonly paths: readonly string[];
}

const BREAKS: readonly Break[] = [
  {
    name: "refresh",
    label: "Refresh",
    title: "Load this page again",
    paths: ["M13.2 8A5.2 5.2 0 1 1 11.6 4.2", "M13 1.8v3h-3"],
  },
  {
    name: "offline",
    label: "Offline 10 s",
    title: "Cut this device off, on both sides, for 10 seconds",
    paths: [
      "M2 2l12 12",
      "M4.6 9a5 5 0 0 1 1.9-1.2",
      "M8.2 4.6a8 8 0 0 1 5.6 2.2",
      "M2.2 6.8A8 8 0 0 1 4.4 5.3",
      "M8 12h.01",
    ],
  },
  {
    name: "kill-agent",
    label: "Kill the agent",
    title: "SIGKILL to the agent's process; it is started again",
    paths: ["M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z"],
  },
  {
    name: "kill-server",
    label: "Kill the server",
    title: "SIGKILL to edge, ingest and keeper; they are started again",
    paths: ["M2.5 3h11v4h-11z", "M2.5 9h11v4h-11z", "M5 5h.01", "M5 11h.01"],
  },
  {
    name: "second-device",
    label: "Second device",
    title: "Open this session on another device",
    paths: ["M5 1.5h6v13H5z", "M7.6 12.3h.8"],
  },
];

export class BreakBar {
  readonly root = element("section", { class: "breaks", "aria-label": "Break it while it answers" });
  readonly #processes = element("p", { class: "processes", "data-testid": "processes" });
  readonly #labels = new Map<string, HTMLElement>();
  readonly #buttons = new Map<string, HTMLButtonElement>();
  #offlineUntilMs = 0;

  constructor(actions: BreakActions) {
    const doing: Readonly<Record<string, () => Promise<unknown>>> = {
      refresh: () => Promise.resolve(location.reload()),
      offline: () => actions.offline().then(() => this.#countDown()),
      "kill-agent": () => actions.killAgent(),
      "kill-server": () => actions.killServer(),
      "second-device": () => actions.secondDevice(),
    };
    const buttons = BREAKS.map(({ name, label, title, paths }) => {
      const text = element("span", {}, label);
      const button = element(
        "button",
        { class: "button", type: "button", title, "data-testid": name },
        icon(...paths),
        text,
      );
      button.addEventListener("click", () => void doing[name]?.().catch(() => undefined));
      this.#labels.set(name, text);
      this.#buttons.set(name, button);
      return button;
    });
    this.root.append(element("h2", {}, "Break it while it answers"), ...buttons, this.#processes);
  }

  showProcesses(agent: ProcessStatus, server: ProcessStatus): void {
    setText(this.#processes, `agent ${words(agent)} · server ${words(server)}`);
  }

  #countDown(): void {
    this.#offlineUntilMs = performance.now() + OFFLINE_MS;
    const tick = (): void => {
      const left = this.#offlineUntilMs - performance.now();
      const button = this.#buttons.get("offline");
      const label = this.#labels.get("offline");
      if (button === undefined || label === undefined) return;
      button.disabled = left > 0;
      setText(label, left > 0 ? `Offline ${Math.ceil(left / 1_000)} s` : "Offline 10 s");
      if (left > 0) setTimeout(tick, 250);
    };
    tick();
  }
}

const words = ({ phase, pid, starts }: ProcessStatus): string => {
  const again = starts > 1 ? `, started ${starts} times` : "";
  return phase === "up" ? `pid ${pid ?? "?"}${again}` : phase;
};
