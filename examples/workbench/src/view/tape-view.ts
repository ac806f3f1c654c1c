/** The counter of a side: a tape of what the agent produced, and how much of it is on this screen. */
import { element, setAttributes, setChildren, setText } from "../dom.ts";
import type { Comparison, Stretch, WordState } from "../truth/compare.ts";

const COUNTED: readonly Exclude<WordState, "behind">[] = ["shown", "lost", "doubled"];

export class TapeView {
  readonly tape: HTMLElement;
  readonly counts: HTMLElement;
  readonly #numbers = new Map<string, { row: HTMLElement; value: HTMLElement }>();

  /** `side` names it in test ids: `session-lost`, `plain-lost`. */
  constructor(side: string) {
    this.tape = element("div", { class: "tape", role: "img", "data-testid": `${side}-tape` });
    const rows = COUNTED.map((state) => {
      const value = element("dd", { "data-testid": `${side}-${state}` }, "0");
      const row = element("div", { class: state }, element("dt", {}, state), value);
      this.#numbers.set(state, { row, value });
      return row;
    });
    this.counts = element("dl", { class: "counts", "aria-label": "Words on this side" }, ...rows);
  }

  show(comparison: Comparison): void {
    const { stretches, shown, behind, lost, doubled } = comparison;
    for (const state of COUNTED) {
      const number = this.#numbers.get(state);
      if (number === undefined) continue;
      setText(number.value, comparison[state].toLocaleString("en"));
      setAttributes(number.row, { class: `${state}${comparison[state] > 0 ? " some" : ""}` });
    }
    setAttributes(this.tape, {
      "aria-label": `${shown} words shown, ${behind} still to come, ${lost} lost, ${doubled} doubled`,
      "data-behind": String(behind),
      "data-identical": String(comparison.identical),
    });
    this.#showTape(merged(stretches));
  }

  #showTape(stretches: readonly Stretch[]): void {
    const present = [...this.tape.children];
    const spans = stretches.map(({ state, count }, index) => {
      const old = present[index];
      const span =
        old instanceof HTMLElement && old.classList.contains(state) ? old : element("span", { class: state });
      span.style.flex = `${count} 0 0`;
      return span;
    });
    setChildren(this.tape, spans);
  }
}

// Neighbours of one state are one stretch, also over the border of two runs.
function merged(stretches: readonly Stretch[]): Stretch[] {
  const result: Stretch[] = [];
  for (const { state, count } of stretches) {
    const last = result.at(-1);
    if (last?.state === state) result[result.length - 1] = { state, count: last.count + count };
    else result.push({ state, count });
  }
  return result;
}
