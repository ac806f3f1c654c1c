/** A run as people see it: who works on it, its steps and thinking, what it says, and on what that rests. */
import { element, Keyed, setAttributes, setChildren, setText } from "../dom.ts";
import type { Answer, Passage, Source } from "../conversation/conversation.ts";
import { MarkdownView } from "./markdown.ts";
import { seconds } from "./words.ts";
import { StepsView } from "./steps-view.ts";

export type OpenSource = (source: Source) => void;

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
  readonly #text = element("div", { "data-testid": "answer-text" });
  readonly #passages = new Keyed<MarkdownView>();
  readonly #sources = element("ul", { class: "sources", "aria-label": "Sources" });
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
    this.#showText(passages);
    this.#showSources(passages);
    this.#showSteers(answer);
    const parts: Node[] = [this.#head];
    if (steps.length > 0) parts.push(this.#steps.root);
    if (answer.steers.length > 0) parts.push(this.#steers);
    if (passages.length > 0) parts.push(this.#text);
    if (this.#sources.childElementCount > 0 && !active) parts.push(this.#sources);
    if (run.phase === "failed") parts.push(this.#error);
    setChildren(this.root, parts);
  }

  #showText(passages: readonly Passage[]): void {
    const views = this.#passages.take(
      passages.map(({ id }) => id),
      () => new MarkdownView(),
    );
    for (const [index, view] of views.entries()) {
      const passage = passages[index];
      if (passage === undefined) continue;
      view.show(passage.text, [...passage.citations.keys()].join(" "), (mark) => this.#citation(passage, mark));
    }
    setChildren(
      this.#text,
      views.map(({ root }) => root),
    );
  }

  #citation(passage: Passage, mark: string): Node | undefined {
    const source = passage.citations.get(mark);
    if (source === undefined) return undefined;
    const short = mark.slice(1, -1);
    const label = /^\d+$/.test(short) ? short : (short.split("/").at(-1) ?? short);
    return this.#sourceButton(
      source,
      { class: "cite", "aria-label": `Source ${source.title}`, title: source.title },
      label,
    );
  }

  #showSources(passages: readonly Passage[]): void {
    const sources = new Map(
      passages.flatMap(({ citations }) => [...citations]).map(([mark, source]) => [source.id, { mark, source }]),
    );
    if (this.#sources.childElementCount === sources.size) return;
    setChildren(
      this.#sources,
      [...sources.values()].map(({ mark, source }) => {
        const number = /^\[\d+\]$/.test(mark) ? `${mark.slice(1, -1)}  ` : "";
        return element("li", {}, this.#sourceButton(source, {}, `${number}${source.title}`));
      }),
    );
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

  #sourceButton(source: Source, attributes: Readonly<Record<string, string>>, label: string): HTMLButtonElement {
    const button = element("button", { type: "button", ...attributes }, label);
    button.addEventListener("click", () => this.#openSource(source));
    return button;
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
