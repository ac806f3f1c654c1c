/** The steps of a run with what was thought and called in them; open until there is an answer to read. */
import { element, Keyed, setAttributes, setChildren, setText } from "../dom.ts";
import type { Note, Step } from "../conversation/conversation.ts";
import { seconds } from "./words.ts";

const MAX_NOTE_LENGTH = 400;

class NoteView {
  readonly root = element("p");

  show({ kind, name, text }: Note): void {
    setAttributes(this.root, { class: `note ${kind}`, "data-testid": kind });
    const shown = kind === "thinking" ? text : `${name} ${text.slice(0, MAX_NOTE_LENGTH)}`.trim();
    // Grows at its end, so that what is there already is left alone.
    const last = this.root.lastChild;
    if (last instanceof Text && shown.startsWith(last.data)) last.appendData(shown.slice(last.data.length));
    else setText(this.root, shown);
  }
}

class StepView {
  readonly root = element("li");
  readonly #label = element("span");
  readonly #time = element("span", { class: "time" });
  readonly #line = element("div", { class: "step-line" });
  readonly #notes = new Keyed<NoteView>();

  constructor() {
    this.#line.append(this.#label, this.#time);
  }

  show({ label, phase, durationMs, error, notes }: Step): void {
    setAttributes(this.root, { class: `step ${phase}`, "data-testid": "step", "data-phase": phase });
    setText(this.#label, label);
    setText(this.#time, durationMs === undefined ? "" : seconds(durationMs));
    const views = this.#notes.take(
      notes.map(({ id }) => id),
      () => new NoteView(),
    );
    for (const [index, view] of views.entries()) {
      const note = notes[index];
      if (note !== undefined) view.show(note);
    }
    const failed = error === "" ? [] : [element("p", { class: "error" }, error)];
    setChildren(this.root, [this.#line, ...views.map(({ root }) => root), ...failed]);
  }
}

export class StepsView {
  readonly root = element("details", { class: "steps", open: true, "data-testid": "steps" });
  readonly #summary = element("summary");
  readonly #list = element("ol");
  readonly #steps = new Keyed<StepView>();
  #wasOpen = true;
  #touched = false;

  constructor() {
    this.root.append(this.#summary, this.#list);
    this.#summary.addEventListener("click", () => (this.#touched = true));
  }

  /** `answered`: there is text to read. */
  show(steps: readonly Step[], { active, answered }: { readonly active: boolean; readonly answered: boolean }): void {
    const views = this.#steps.take(
      steps.map(({ id }) => id),
      () => new StepView(),
    );
    for (const [index, view] of views.entries()) {
      const step = steps[index];
      if (step !== undefined) view.show(step);
    }
    setChildren(
      this.#list,
      views.map(({ root }) => root),
    );
    const spentMs = steps.reduce((sum, { durationMs = 0 }) => sum + durationMs, 0);
    const current = steps.find(({ phase }) => phase === "open");
    setText(
      this.#summary,
      active && current !== undefined
        ? `Step ${steps.length}: ${current.label}`
        : `${steps.length} steps in ${seconds(spentMs)}`,
    );
    // People's own choice stands.
    const open = active && !answered;
    if (!this.#touched && open !== this.#wasOpen) this.root.open = open;
    this.#wasOpen = open;
  }
}
