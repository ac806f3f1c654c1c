/** The right side: the same output over a plain event stream, shown as a typical page shows it. */
import type { PlainFeed } from "../plain-feed.ts";
import type { Comparison } from "../truth/compare.ts";
import { element, Keyed, setChildren, setText } from "../dom.ts";
import { MarkdownView } from "./markdown.ts";
import { Scroll } from "./scroll.ts";
import { TapeView } from "./tape-view.ts";
import { count } from "./words.ts";

class PlainAnswer {
  readonly root = element("article", { class: "turn answer", "data-testid": "plain-answer" });
  readonly #verdict = element("p", { class: "verdict" });
  readonly #text = new MarkdownView();

  constructor() {
    this.root.append(this.#text.root, this.#verdict);
  }

  show(text: string, comparison: Comparison | undefined): void {
    this.#text.show(text, "", () => undefined);
    const { lost = 0, doubled = 0 } = comparison ?? {};
    const words = [
      ...(lost > 0 ? [element("span", { class: "lost" }, `${count(lost, "word")} lost`)] : []),
      ...(doubled > 0 ? [element("span", { class: "doubled" }, `${count(doubled, "word")} doubled`)] : []),
    ];
    const [first, second] = words;
    if (first === undefined) setText(this.#verdict, "");
    else this.#verdict.replaceChildren(first, ...(second === undefined ? [] : [" · ", second]));
  }
}

export class PlainSide {
  readonly tape = new TapeView("plain");
  readonly root: HTMLElement;
  readonly #scroll: Scroll;
  readonly #list = element("div", { "data-testid": "plain-conversation" });
  readonly #answers = new Keyed<PlainAnswer>();
  readonly #nothing = element(
    "p",
    { class: "nothing" },
    "The same words as a plain text/event-stream, as they are made. Nothing is kept here: what this page misses is gone.",
  );

  constructor() {
    this.#scroll = new Scroll(
      element("div", { class: "scroll", tabindex: "0", "aria-label": "Plain stream" }, this.#list),
    );
    const head = element(
      "header",
      { class: "side-head" },
      element(
        "div",
        {},
        element("h2", { id: "plain-title" }, "Plain stream"),
        element("p", { class: "caption" }, "Server-sent events; nothing kept."),
      ),
      this.tape.counts,
      this.tape.tape,
    );
    this.root = element(
      "section",
      { class: "side plain", "aria-labelledby": "plain-title" },
      head,
      element("div", { class: "side-body" }, this.#scroll.root),
    );
  }

  show(feed: PlainFeed, comparisons: ReadonlyMap<string, Comparison>): void {
    const runs = [...feed.texts.keys()];
    const answers = this.#answers.take(runs, () => new PlainAnswer());
    this.#scroll.keep(() => {
      for (const [index, run] of runs.entries()) answers[index]?.show(feed.texts.get(run) ?? "", comparisons.get(run));
      setChildren(this.#list, runs.length === 0 ? [this.#nothing] : answers.map(({ root }) => root));
    });
  }
}
