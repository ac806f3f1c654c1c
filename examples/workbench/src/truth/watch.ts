/** Both sides held against what the agent produced, run by run. */
import { catchingUp, compare, total } from "./compare.ts";
import type { Comparison } from "./compare.ts";
import { ProducedRuns } from "./produced.ts";
import type { Produced, TruthLine } from "./produced.ts";

type Shown = ReadonlyMap<string, string>;

export interface SideComparison {
  readonly total: Comparison;
  readonly byRun: ReadonlyMap<string, Comparison>;
}

interface Remembered {
  readonly produced: Produced;
  readonly shown: string;
  readonly comparison: Comparison;
}

export class TruthWatch {
  readonly #produced = new ProducedRuns();
  /** Comparisons whose texts have not changed since, by side and run. */
  readonly #remembered = new Map<string, Remembered>();
  #next = 0;

  /** The line to ask for next. */
  get next(): number {
    return this.#next;
  }

  add({ lines, next }: { readonly lines: readonly TruthLine[]; readonly next: number }): void {
    this.#produced.add(lines);
    this.#next = next;
  }

  /** `isLive`: the session is connected and current, and has to be right. A plain stream never says that it is not. */
  compare(sides: { readonly session: Shown; readonly isLive: boolean; readonly plain: Shown }): {
    readonly session: SideComparison;
    readonly plain: SideComparison;
  } {
    const produced = this.#produced.get();
    const session = this.#side("session", produced, sides.session);
    return {
      session: sides.isLive ? session : { ...session, total: catchingUp(session.total) },
      plain: this.#side("plain", produced, sides.plain),
    };
  }

  #side(side: string, produced: readonly Produced[], shown: Shown): SideComparison {
    const byRun = new Map(
      produced.map((one) => [one.run, this.#run(`${side} ${one.run}`, one, shown.get(one.run) ?? "")]),
    );
    return { total: total([...byRun.values()]), byRun };
  }

  #run(key: string, produced: Produced, shown: string): Comparison {
    const known = this.#remembered.get(key);
    const { text, ended, cancelled } = produced;
    if (known?.shown === shown && known.produced.text === text && known.produced.ended === ended)
      return known.comparison;
    const comparison = compare({ produced: text, shown, open: !ended, cancelled });
    this.#remembered.set(key, { produced, shown, comparison });
    return comparison;
  }
}
