/** A stretch of an answer, its citations, and the sources that they lead to. */
import type { Passage, Source } from "../conversation/conversation.ts";
import { element, setChildren, setText } from "../dom.ts";
import { MarkdownView } from "./markdown.ts";
import { count } from "./words.ts";

export type OpenSource = (source: Source) => void;

export class PassageView {
  readonly root = element("div", { class: "passage" });
  readonly #text = new MarkdownView();
  readonly #summary = element("summary");
  readonly #list = element("ul");
  readonly #sources = element("details", { class: "sources", "data-testid": "sources" }, this.#summary, this.#list);
  readonly #openSource: OpenSource;

  constructor(openSource: OpenSource) {
    this.#openSource = openSource;
    this.root.append(this.#text.root);
  }

  /** `active`: more may come; the sources wait until it has. */
  show({ text, citations }: Passage, active: boolean): void {
    const marks = [...citations.keys()].join(" ");
    this.#text.show(text, marks, (mark) => {
      const source = citations.get(mark);
      return (
        source &&
        this.#button(
          source,
          { class: "cite", "aria-label": `Source ${source.title}`, title: source.title },
          shortOf(mark),
        )
      );
    });
    const sources = new Map([...citations].map(([mark, source]) => [source.id, { mark, source }]));
    if (active || sources.size === 0) return;
    this.#showSources([...sources.values()]);
    setChildren(this.root, [this.#text.root, this.#sources]);
  }

  #showSources(sources: readonly { readonly mark: string; readonly source: Source }[]): void {
    setText(this.#summary, count(sources.length, "source"));
    if (this.#list.childElementCount === sources.length) return;
    const items = sources.map(({ mark, source }) => {
      const number = /^\[\d+\]$/.test(mark) ? `${mark.slice(1, -1)}  ` : "";
      return element("li", {}, this.#button(source, {}, `${number}${source.title}`));
    });
    this.#list.replaceChildren(...items);
  }

  #button(source: Source, attributes: Readonly<Record<string, string>>, label: string): HTMLButtonElement {
    const button = element("button", { type: "button", ...attributes }, label);
    button.addEventListener("click", () => this.#openSource(source));
    return button;
  }
}

/** `[3]` is shown as 3, `[src/main.ts:10-24]` as main.ts:10-24. */
const shortOf = (mark: string): string => mark.slice(1, -1).split("/").at(-1) ?? mark;
