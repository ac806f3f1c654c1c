/** What the agent says it produced, put together from the lines it wrote down. */

/** A line of the truth as the supervisor hands it on. */
export type TruthLine = { readonly run: string; readonly attempt: number } & (
  | { readonly is: "attempt" }
  | { readonly is: "begin" | "done"; readonly step: string }
  | { readonly is: "text"; readonly step: string; readonly text: string }
  | { readonly is: "end"; readonly finish: string }
);

/** One run, as a screen should show it. */
export interface Produced {
  readonly run: string;
  readonly text: string;
  /** Nothing more comes. */
  readonly ended: boolean;
  /** It was told to stop: its very last token may have been held back. */
  readonly cancelled: boolean;
  readonly attempts: number;
}

interface StepText {
  attempt: number;
  done: boolean;
  text: string;
}

interface RunText {
  attempt: number;
  finish: string;
  readonly steps: Map<string, StepText>;
}

/** Collects lines and answers what each run came to, oldest first. */
export class ProducedRuns {
  readonly #runs = new Map<string, RunText>();

  add(lines: readonly TruthLine[]): void {
    for (const line of lines) this.#add(line);
  }

  get(): readonly Produced[] {
    return [...this.#runs].map(([run, { attempt, finish, steps }]) => ({
      run,
      // What an earlier attempt left unfinished is void, also where no later one wrote it again.
      text: [...steps.values()]
        .filter((step) => step.done || step.attempt === attempt)
        .map((step) => step.text)
        .join(""),
      ended: finish !== "",
      cancelled: finish === "cancelled",
      attempts: attempt,
    }));
  }

  #add(line: TruthLine): void {
    const run = this.#runs.get(line.run) ?? { attempt: line.attempt, finish: "", steps: new Map<string, StepText>() };
    this.#runs.set(line.run, run);
    switch (line.is) {
      case "attempt":
        run.attempt = line.attempt;
        run.finish = "";
        return;
      case "end":
        if (line.attempt === run.attempt) run.finish = line.finish;
        return;
      case "begin":
        run.steps.set(line.step, { attempt: line.attempt, done: false, text: "" });
        return;
      case "text": {
        const step = run.steps.get(line.step);
        // An attempt that was replaced may not know it yet; what it writes goes nowhere.
        if (step?.attempt === line.attempt) step.text += line.text;
        return;
      }
      case "done": {
        const step = run.steps.get(line.step);
        if (step?.attempt === line.attempt) step.done = true;
      }
    }
  }
}
