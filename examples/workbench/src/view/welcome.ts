/** What a session shows before its first question. */
import { element, setText } from "../dom.ts";

export class Welcome {
  readonly root = element("div", { class: "welcome" });
  readonly #title = element("h3", {}, "Ask about these files");
  readonly #how = element("p");
  readonly #list = element("ul", { class: "suggestions", "data-testid": "suggestions" });
  readonly #ask: (question: string) => void;
  #known = "";

  constructor(ask: (question: string) => void) {
    this.#ask = ask;
    this.root.append(this.#title, this.#how, this.#list);
  }

  show(folder: string, model: string, suggestions: readonly string[]): void {
    setText(this.#title, `Ask about ${folder}`);
    const how = model === "" ? "It searches, reads and quotes; no model is asked." : `It asks ${model}.`;
    setText(
      this.#how,
      `An agent reads the folder and answers with its sources. ${how} While it answers, press the buttons above and watch both sides.`,
    );
    const known = suggestions.join("\n");
    if (known === this.#known) return;
    this.#known = known;
    this.#list.replaceChildren(
      ...suggestions.map((question) => {
        const button = element("button", { type: "button", "data-testid": "suggestion" }, question);
        button.addEventListener("click", () => this.#ask(question));
        return element("li", {}, button);
      }),
    );
  }
}
