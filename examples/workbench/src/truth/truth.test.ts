import { describe, expect, it } from "vitest";
import { catchingUp, compare, total } from "./compare.ts";
import type { Compared, Comparison } from "./compare.ts";
import { ProducedRuns } from "./produced.ts";
import type { TruthLine } from "./produced.ts";

function counts(compared: Partial<Compared>): Omit<Comparison, "stretches" | "identical"> {
  const { shown, behind, lost, doubled } = compare({
    produced: "",
    shown: "",
    open: false,
    cancelled: false,
    ...compared,
  });
  return { shown, behind, lost, doubled };
}

describe("comparing a screen with what was produced", () => {
  const produced = "the quick brown fox jumps over the lazy dog";

  it("finds nothing where both are the same", () => {
    expect(compare({ produced, shown: produced, open: false, cancelled: false })).toEqual({
      stretches: [{ state: "shown", count: 9 }],
      shown: 9,
      behind: 0,
      lost: 0,
      doubled: 0,
      identical: true,
    });
  });

  it("counts a gap in the middle as lost, while more may come too", () => {
    const shown = "the quick jumps over the lazy dog";
    expect(counts({ produced, shown })).toEqual({ shown: 7, behind: 0, lost: 2, doubled: 0 });
    expect(counts({ produced, shown, open: true })).toEqual({ shown: 7, behind: 0, lost: 2, doubled: 0 });
  });

  it("counts what is missing at the end as behind while more may come, then as lost", () => {
    const shown = "the quick brown fox";
    expect(counts({ produced, shown, open: true })).toEqual({ shown: 4, behind: 5, lost: 0, doubled: 0 });
    expect(counts({ produced, shown })).toEqual({ shown: 4, behind: 0, lost: 5, doubled: 0 });
  });

  it("does not judge what is shown beyond the end that it knows, while more may come", () => {
    const shown = "the quick brown fox jumps over the lazy dog and then";
    expect(counts({ produced, shown, open: true })).toEqual({ shown: 11, behind: 0, lost: 0, doubled: 0 });
    expect(counts({ produced, shown })).toEqual({ shown: 9, behind: 0, lost: 0, doubled: 2 });
  });

  it("counts what was shown again as doubled", () => {
    const shown = "the quick brown the quick brown fox jumps over the lazy dog";
    expect(counts({ produced, shown })).toEqual({ shown: 9, behind: 0, lost: 0, doubled: 3 });
  });

  it("counts a swap as both", () => {
    expect(counts({ produced: "a b c d", shown: "a c b d" })).toEqual({ shown: 3, behind: 0, lost: 1, doubled: 1 });
  });

  it("takes a last word that is half there for what it will be, only while more may come", () => {
    expect(counts({ produced: "one three", shown: "one th", open: true })).toEqual({
      shown: 2,
      behind: 0,
      lost: 0,
      doubled: 0,
    });
    expect(counts({ produced: "one th", shown: "one three four", open: true }).lost).toBe(0);
    expect(counts({ produced: "one three", shown: "one th" })).toEqual({ shown: 1, behind: 0, lost: 1, doubled: 1 });
  });

  it("forgives the one token that a cancel held back, and no more", () => {
    expect(counts({ produced, shown: "the quick brown fox jumps over the lazy", cancelled: true }).lost).toBe(0);
    expect(counts({ produced, shown: "the quick brown fox jumps over the", cancelled: true }).lost).toBe(2);
    const identical = (shown: string): boolean => compare({ produced, shown, open: false, cancelled: true }).identical;
    expect(["the quick brown fox jumps over the lazy ", "the quick brown fox", "the lazy"].map(identical)).toEqual([
      true,
      false,
      false,
    ]);
    expect(counts({ produced, shown: "the quick brown jumps over the lazy dog", cancelled: true }).lost).toBe(1);
  });

  it("sees a difference in white space, which counts no word", () => {
    const one = compare({ produced: "a  b", shown: "a b", open: false, cancelled: false });
    expect([one.identical, one.lost + one.doubled]).toEqual([false, 0]);
  });

  it("counts nothing as lost or doubled on a screen that says it is not current", () => {
    const one = catchingUp(compare({ produced: "a b c d e", shown: "a c x", open: false, cancelled: false }));
    expect(one).toMatchObject({ shown: 3, behind: 3, lost: 0, doubled: 0, identical: false });
  });

  it("sums up over runs", () => {
    const one = compare({ produced: "a b", shown: "a b", open: false, cancelled: false });
    const two = compare({ produced: "a b", shown: "b b", open: false, cancelled: false });
    expect(total([one, two])).toMatchObject({ shown: 3, lost: 1, doubled: 1, identical: false });
  });

  it("keeps every word of both texts, whatever they are", () => {
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const text = (): string => Array.from({ length: random(12) }, () => "abc"[random(3)]).join(" ");
    for (let turn = 0; turn < 500; turn += 1) {
      const [left, right] = [text(), text()];
      const words = (value: string): number => value.split(" ").filter((word) => word !== "").length;
      const { shown, behind, lost, doubled } = compare({
        produced: left,
        shown: right,
        open: false,
        cancelled: false,
      });
      expect([shown + behind + lost, shown + doubled]).toEqual([words(left), words(right)]);
    }
  });
});

describe("what the agent produced", () => {
  const line = (attempt: number, rest: object): TruthLine => {
    const value: unknown = { run: "r", attempt, ...rest };
    return isLine(value) ? value : { run: "r", attempt, is: "attempt" };
  };
  const isLine = (value: unknown): value is TruthLine => typeof value === "object" && value !== null && "is" in value;
  const text = (attempt: number, step: string, value: string): TruthLine =>
    line(attempt, { is: "text", step, text: value });

  it("is what the last attempt wrote, and what earlier ones had finished", () => {
    const runs = new ProducedRuns();
    runs.add([
      line(1, { is: "attempt" }),
      line(1, { is: "begin", step: "a" }),
      text(1, "a", "finished "),
      line(1, { is: "done", step: "a" }),
      line(1, { is: "begin", step: "b" }),
      text(1, "b", "half an "),
      line(2, { is: "attempt" }),
    ]);
    expect(runs.get()).toEqual([{ run: "r", text: "finished ", ended: false, cancelled: false, attempts: 2 }]);
    runs.add([line(2, { is: "begin", step: "b" }), text(2, "b", "whole"), line(2, { is: "done", step: "b" })]);
    runs.add([line(2, { is: "end", finish: "completed" })]);
    expect(runs.get()).toEqual([{ run: "r", text: "finished whole", ended: true, cancelled: false, attempts: 2 }]);
  });

  it("is nothing of what an earlier attempt writes on before it hears that it was replaced", () => {
    const runs = new ProducedRuns();
    runs.add([line(1, { is: "attempt" }), line(1, { is: "begin", step: "a" }), text(1, "a", "old ")]);
    runs.add([line(2, { is: "attempt" }), line(2, { is: "begin", step: "a" }), text(1, "a", "late ")]);
    runs.add([text(2, "a", "new"), line(1, { is: "done", step: "a" }), line(3, { is: "attempt" })]);
    expect(runs.get()).toMatchObject([{ text: "" }]);
    runs.add([line(3, { is: "begin", step: "a" }), text(3, "a", "new")]);
    expect(runs.get()).toMatchObject([{ text: "new" }]);
  });

  it("goes on after an end that another attempt followed, and ignores one that comes late", () => {
    const runs = new ProducedRuns();
    runs.add([line(1, { is: "attempt" }), line(1, { is: "end", finish: "failed" }), line(2, { is: "attempt" })]);
    runs.add([line(1, { is: "end", finish: "cancelled" })]);
    expect(runs.get()).toMatchObject([{ ended: false, cancelled: false }]);
  });
});
