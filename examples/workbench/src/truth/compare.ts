/** What a screen shows held against what the agent produced, word by word. */
import { diffArrays } from "diff";

/** `shown`: in its place; `behind`: not here yet; `lost`: never came; `doubled`: shown, but not produced there. */
export type WordState = "shown" | "behind" | "lost" | "doubled";

export interface Stretch {
  readonly state: WordState;
  /** Words. */
  readonly count: number;
}

export interface Comparison {
  /** In the order of the text. */
  readonly stretches: readonly Stretch[];
  readonly shown: number;
  readonly behind: number;
  readonly lost: number;
  readonly doubled: number;
  /** The texts are the same, to the last character; of a cancelled one, but for the token that was held back. */
  readonly identical: boolean;
}

export interface Compared {
  readonly produced: string;
  readonly shown: string;
  /**
   * More may still come: what is missing at the end is behind, not lost, and what is beyond the end may be produced
   * already, but not yet known here.
   */
  readonly open: boolean;
  /** The agent was told to stop: the one token that it may have held back then was never sent. */
  readonly cancelled: boolean;
}

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

/** Compares one run's text. Alignment: Myers' difference algorithm, by words. */
export function compare({ produced, shown, open, cancelled }: Compared): Comparison {
  const expected = wordsOf(produced);
  const present = wordsOf(shown);
  const sameUpTo = commonPrefix(expected, present, open);
  const stretches: Stretch[] = [];
  add(stretches, "shown", sameUpTo);
  const changes = diffArrays(expected.slice(sameUpTo), present.slice(sameUpTo));
  for (const { added, removed, count } of changes)
    add(stretches, added ? "doubled" : removed ? "lost" : "shown", count);
  settleEnd(stretches, open, cancelled);
  const counts = countsOf(stretches);
  const isCut = cancelled && counts.lost === 0 && produced.startsWith(shown);
  return { ...counts, stretches, identical: produced === shown || isCut };
}

/** The same of a screen that is not up to date and says so: what it lacks is behind, and what is void is still there. */
export function catchingUp(comparison: Comparison): Comparison {
  const stretches = comparison.stretches.map(({ state, count }): Stretch => {
    if (state === "lost") return { state: "behind", count };
    return { state: state === "doubled" ? "shown" : state, count };
  });
  return { ...comparison, ...countsOf(stretches), stretches };
}

/** The sum over runs, each of which keeps its own stretches. */
export function total(comparisons: readonly Comparison[]): Comparison {
  const stretches = comparisons.flatMap((one) => one.stretches);
  return { ...countsOf(stretches), stretches, identical: comparisons.every(({ identical }) => identical) };
}

// The last word of an open text may be half there, on the screen or in what is known of it.
function commonPrefix(expected: readonly string[], present: readonly string[], open: boolean): number {
  let count = 0;
  while (count < present.length && count < expected.length && expected[count] === present[count]) count += 1;
  const [shown, known] = [present[count], expected[count]];
  if (!open || shown === undefined || known === undefined) return count;
  const isHalfShown = count === present.length - 1 && known.startsWith(shown);
  const isHalfKnown = count === expected.length - 1 && shown.startsWith(known);
  return isHalfShown || isHalfKnown ? count + 1 : count;
}

function settleEnd(stretches: Stretch[], open: boolean, cancelled: boolean): void {
  const last = stretches.at(-1);
  if (last?.state === "doubled" && open) stretches[stretches.length - 1] = { state: "shown", count: last.count };
  if (last?.state !== "lost") return;
  if (open) stretches[stretches.length - 1] = { state: "behind", count: last.count };
  else if (cancelled && last.count === 1) stretches.pop();
}

function add(stretches: Stretch[], state: WordState, count: number): void {
  if (count > 0) stretches.push({ state, count });
}

function countsOf(stretches: readonly Stretch[]): Record<WordState, number> {
  const counts = { shown: 0, behind: 0, lost: 0, doubled: 0 };
  for (const { state, count } of stretches) counts[state] += count;
  return counts;
}
