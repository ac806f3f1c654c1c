/** The left side: the session as perdure keeps it. */
import type { SessionView } from "@perdure/client";
import { conversationOf, shownText } from "../conversation/conversation.ts";
import type { Answer, Question, Turn } from "../conversation/conversation.ts";
import { element, Keyed, setAttributes, setChildren, setText } from "../dom.ts";
import type { Composer } from "./composer.ts";
import type { FloorView } from "./floor-view.ts";
import { AnswerView } from "./answer-view.ts";
import { openSource } from "./dialogs.ts";
import { ProgressView } from "./progress-view.ts";
import { Scroll } from "./scroll.ts";
import { TapeView } from "./tape-view.ts";
import type { Welcome } from "./welcome.ts";

class QuestionView {
  readonly root = element("div", { class: "turn", "data-testid": "question" });
  readonly #bubble = element("p", { class: "question" });

  constructor() {
    this.root.append(element("span", { class: "unseen" }, "You asked:"), this.#bubble);
  }

  show({ text, pending }: Question): void {
    setText(this.#bubble, text);
    setAttributes(this.root, { "aria-busy": pending ? "true" : undefined });
  }
}

export class SessionSide {
  readonly tape = new TapeView("session");
  readonly root: HTMLElement;
  readonly #turns = element("div", { "data-testid": "conversation" });
  readonly #scroll: Scroll;
  readonly #questions = new Keyed<QuestionView>();
  readonly #answers = new Keyed<AnswerView>();
  readonly #progress = new ProgressView();
  readonly #floor: FloorView;
  readonly #welcome: Welcome;
  #shown = new Map<string, string>();

  constructor(floor: FloorView, composer: Composer, welcome: Welcome) {
    this.#floor = floor;
    this.#welcome = welcome;
    this.#scroll = new Scroll(
      element("div", { class: "scroll", tabindex: "0", "aria-label": "Conversation" }, this.#turns),
    );
    const head = element(
      "header",
      { class: "side-head" },
      element(
        "div",
        {},
        element("h2", { id: "session-title" }, "perdure session"),
        element("p", { class: "caption" }, "Kept in the log; every device has the same."),
      ),
      this.tape.counts,
      this.tape.tape,
    );
    const body = element(
      "div",
      { class: "side-body" },
      this.#scroll.root,
      element("div", {}, this.#progress.root, floor.root, composer.root),
    );
    this.root = element("section", { class: "side session", "aria-labelledby": "session-title" }, head, body);
  }

  /** What the screen shows of each run, as the counter compares it. */
  get shown(): ReadonlyMap<string, string> {
    return this.#shown;
  }

  show(view: SessionView): void {
    const turns = conversationOf(view);
    const answers = turns.filter((turn): turn is Answer => turn.kind === "answer");
    this.#shown = new Map(answers.map((answer) => [answer.id, shownText(answer)]));
    this.#scroll.keep(() => {
      if (turns.length === 0) setChildren(this.#turns, [this.#welcome.root]);
      else this.#showTurns(turns);
    });
    this.#floor.show(view);
    this.#progress.show(answers.findLast(({ active }) => active)?.run);
  }

  #showTurns(turns: readonly Turn[]): void {
    const ids = (kind: Turn["kind"]): string[] => turns.filter((turn) => turn.kind === kind).map(({ id }) => id);
    const questions = this.#questions.take(ids("question"), () => new QuestionView());
    const answers = this.#answers.take(ids("answer"), () => new AnswerView(openSource));
    const nodes: Node[] = [];
    for (const turn of turns) {
      if (turn.kind === "question") {
        const view = questions[ids("question").indexOf(turn.id)];
        view?.show(turn);
        if (view !== undefined) nodes.push(view.root);
      } else {
        const view = answers[ids("answer").indexOf(turn.id)];
        view?.show(turn);
        if (view !== undefined) nodes.push(view.root);
      }
    }
    setChildren(this.#turns, nodes);
  }
}
