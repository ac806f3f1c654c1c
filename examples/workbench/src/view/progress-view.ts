/** How far the run is, as its agent says: label, part done and time still needed. */
import type { RunView } from "@perdure/client";
import { element, setAttributes, setText } from "../dom.ts";
import { seconds } from "./words.ts";

export class ProgressView {
  readonly root = element("div", { class: "progress-line", "data-testid": "progress" });
  readonly #label = element("span");
  readonly #eta = element("span");
  readonly #fill = element("span");
  readonly #bar = element(
    "div",
    {
      class: "bar",
      role: "progressbar",
      "aria-label": "Progress of the answer",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
    },
    this.#fill,
  );

  constructor() {
    this.root.append(element("div", { class: "progress" }, this.#label, this.#eta, this.#bar));
    this.root.hidden = true;
  }

  show(run: RunView | undefined): void {
    const progress = run?.progress;
    this.root.hidden = run === undefined || progress === undefined;
    if (run === undefined || progress === undefined) return;
    const { label, fraction, etaMs } = progress;
    setText(this.#label, run.phase === "suspended" ? `${label} (paused)` : label);
    setText(
      this.#eta,
      etaMs === undefined || run.phase !== "active"
        ? ""
        : `about ${seconds(Math.max(1, Math.round(etaMs / 1_000)) * 1_000)} left`,
    );
    const percent = Math.round((fraction ?? 0) * 100);
    setAttributes(this.#bar, { "aria-valuenow": fraction === undefined ? undefined : String(percent) });
    this.#fill.style.transform = `scaleX(${percent / 100})`;
  }
}
