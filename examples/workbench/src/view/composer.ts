/** Where people ask, and while a run goes on, where they steer, pause and stop it. */
import { element, icon, setAttributes, setText } from "../dom.ts";

export interface ComposerActions {
  send(text: string, agent: string): Promise<void>;
  steer(text: string): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  cancel(): Promise<void>;
}

export interface ComposerState {
  readonly running: boolean;
  readonly paused: boolean;
  /** An operator has the floor: agents wait for that, whoever resumes them. */
  readonly held: boolean;
  /** It is whoever is here, who speaks to people. */
  readonly hasFloor: boolean;
  /** Agents to choose from. */
  readonly agents: readonly string[];
}

export class Composer {
  readonly root = element("form", { class: "composer", "aria-label": "Ask the agent", "data-testid": "composer" });
  readonly #input = element("textarea", {
    rows: "1",
    "data-testid": "composer-input",
    "aria-label": "Your question",
    enterkeyhint: "send",
  });
  readonly #send = element("button", { class: "button main", type: "submit", "data-testid": "send" });
  readonly #agent = element("input", {
    list: "agents",
    value: "analyst",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: "64",
    "data-testid": "agent",
  });
  readonly #agents = element("datalist", { id: "agents" });
  readonly #pause = element("button", { class: "button", type: "button", "data-testid": "pause" });
  readonly #cancel = element(
    "button",
    { class: "button danger", type: "button", "data-testid": "cancel" },
    icon("M4 4h8v8H4z"),
    "Stop",
  );
  readonly #buttons = element("div", { class: "run-buttons" }, this.#pause, this.#cancel);
  readonly #trouble = element("p", { class: "trouble", role: "alert" });
  readonly #actions: ComposerActions;
  #state: ComposerState = { running: false, paused: false, held: false, hasFloor: false, agents: [] };

  constructor(actions: ComposerActions) {
    this.#actions = actions;
    const picker = element("label", {}, "Agent", this.#agent);
    this.root.append(
      this.#trouble,
      element("div", { class: "field" }, this.#input, this.#send),
      element("div", { class: "row" }, picker, this.#agents, this.#buttons),
    );
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#pause.addEventListener("click", () => {
      this.#do(() => (this.#state.paused ? this.#actions.resume() : this.#actions.pause()));
    });
    this.#cancel.addEventListener("click", () => this.#do(() => this.#actions.cancel()));
    this.show(this.#state, true);
  }

  get agent(): string {
    return this.#agent.value.trim();
  }

  focus(): void {
    this.#input.focus();
  }

  show(state: ComposerState, force = false): void {
    const { running, paused, held, hasFloor } = state;
    const before = this.#state;
    const same =
      running === before.running && paused === before.paused && held === before.held && hasFloor === before.hasFloor;
    if (state.agents.join() !== this.#state.agents.join()) {
      this.#agents.replaceChildren(...state.agents.map((value) => element("option", { value })));
    }
    this.#state = state;
    if (same && !force) return;
    setAttributes(this.#input, {
      placeholder: hasFloor
        ? "Say something to the people here"
        : running
          ? "Steer it: “only the tests”"
          : "Ask about the files",
      "aria-label": hasFloor ? "Your words" : running ? "Steer the answer" : "Your question",
    });
    this.#send.replaceChildren(icon("M8 13V3.5M3.8 7.5 8 3.3l4.2 4.2"), hasFloor ? "Say" : running ? "Steer" : "Ask");
    this.#pause.replaceChildren(
      icon(paused ? "M5 3.2v9.6L12.5 8z" : "M5.5 3.5v9M10.5 3.5v9"),
      paused ? "Resume" : "Pause",
    );
    this.#pause.hidden = held;
    this.#buttons.hidden = !running;
  }

  #submit(): void {
    const text = this.#input.value.trim();
    if (text === "") return;
    this.#input.value = "";
    this.#do(() => (this.#state.running ? this.#actions.steer(text) : this.#actions.send(text, this.agent)));
  }

  #do(action: () => Promise<void>): void {
    setText(this.#trouble, "");
    action().catch((error: unknown) => setText(this.#trouble, error instanceof Error ? error.message : String(error)));
  }
}
