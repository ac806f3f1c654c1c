/** A run as people see it: who works on it, its steps and thinking, what it says, and on what that rests. */
import { element, Keyed, setAttributes, setChildren, setText } from "../dom.ts";
import type { Answer } from "../conversation/conversation.ts";
import { PassageView } from "./passage-view.ts";
import type { OpenSource } from "./passage-view.ts";
import { seconds } from "./words.ts";
import { StepsView } from "./steps-view.ts";

const PHASES: Readonly<Record<Answer["run"]["phase"], string>> = {
  unknown: "",
  requested: "waits for the agent",
  active: "",
  suspended: "paused",
  completed: "",
  failed: "failed",
  cancelled: "stopped",
  orphaned: "its agent is gone; the run waits for it to come back",
};

export class AnswerView {
  readonly root = element("article", { class: "turn answer", "data-testid": "answer" });
  readonly #head = element("div", { class: "answer-head" });
  readonly #name = element("strong");
  readonly #phase = element("span", { "data-testid": "run-phase" });
  readonly #steps = new StepsView();
  readonly #error = element("p", { class: "error", role: "alert" });
  readonly #text = element("div", { class: "passages", "data-testid": "answer-text" });
  readonly #passages = new Keyed<PassageView>();
  readonly #steers = element("div", { class: "steers" });
  readonly #openSource: OpenSource;

  constructor(openSource: OpenSource) {
    this.#openSource = openSource;
    this.#head.append(this.#name, this.#phase);
  }

  show(answer: Answer): void {
    const { run, steps, passages, active } = answer;
    setAttributes(this.root, {
      class: `turn answer${active && run.phase === "active" ? " writing" : ""}`,
      "data-phase": run.phase,
      "data-run": run.id,
    });
    setText(this.#name, run.agent === "" ? "agent" : run.agent);
    setText(this.#phase, headline(answer));
    setAttributes(this.#phase, { class: run.phase === "orphaned" || run.phase === "failed" ? "lost" : undefined });
    this.#steps.show(steps, { active, answered: passages.length > 0 });
    setText(this.#error, run.phase === "failed" ? `${run.message} (${run.code})` : "");
    const views = this.#passages.take(
      passages.map(({ id }) => id),
      () => new PassageView(this.#openSource),
    );
    for (const [index, passage] of passages.entries()) views[index]?.show(passage, active);
    setChildren(
      this.#text,
      views.map(({ root }) => root),
    );
    this.#showSteers(answer);
    const parts: Node[] = [this.#head];
    if (steps.length > 0) parts.push(this.#steps.root);
    if (answer.steers.length > 0) parts.push(this.#steers);
    if (passages.length > 0) parts.push(this.#text);
    if (run.phase === "failed") parts.push(this.#error);
    setChildren(this.root, parts);
  }

  #showSteers({ steers }: Answer): void {
    setChildren(
      this.#steers,
      steers.map(({ text, receipt, code }) =>
        element(
          "div",
          { class: "steer", "data-testid": "steer" },
          element("span", {}, text),
          element("span", { class: "receipt" }, receiptWords(receipt, code)),
        ),
      ),
    );
  }
}

function headline({ run, active }: Answer): string {
  const words = [PHASES[run.phase]];
  if (run.attempts > 1) words.push(`attempt ${run.attempts}`);
  if (!active && run.endedMs > 0) words.push(seconds(run.endedMs - run.requestedMs));
  return words.filter((word) => word !== "").join(" · ");
}

function receiptWords(receipt: Answer["steers"][number]["receipt"], code: string): string {
  if (receipt === "applied") return "taken up";
  if (receipt === "received") return "heard";
  return receipt === "refused" ? `not taken up (${code})` : "sent";
}
