import type { BudgetSetJson, EventJson, UsageReportedJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, storyAtWork } from "./testing/story.ts";
import { dues, type Limits, patchSince, project, projectAccepted } from "./index.ts";

function spending(limits: Partial<Limits> = {}) {
  const work = storyAtWork(limits);
  const { story, bot, node, runId, attempt } = work;
  const op = story.pen("op", "ROLE_OPERATOR");
  const set = (fields: BudgetSetJson) => story.write(op, { budgetSet: { currency: "USD", ...fields } });
  const lift = (currency = "USD") => story.write(op, { budgetLifted: { currency } });
  const spend = (fields: UsageReportedJson, audience: "AUDIENCE_ALL" | "AUDIENCE_STAFF" = "AUDIENCE_ALL") =>
    codeOf(
      story.write(bot, { usageReported: { provider: "p", model: "m", currency: "USD", ...fields } }, { audience }),
    );
  /** Writes what is due, as the keeper does. */
  const keep = () =>
    dues(story.state).map(({ events, causeSeq }) => story.write(node, events, { cause: { seq: causeSeq } }));
  const derive = (event: EventJson, seq = story.state.seq) => codeOf(story.write(node, event, { cause: { seq } }));
  const budgets = () => [...story.state.budgets.values()];
  const run = () => story.state.runs.get(runId);
  return { ...work, op, set, lift, spend, keep, derive, budgets, run, attempt };
}

const held = { phase: "RUN_PHASE_SUSPENDED", suspended: "SUSPEND_REASON_BUDGET" };

describe("a budget", () => {
  test("SPEC 8.14: is warned of and exhausted when so much is spent, not before, and each is said once", () => {
    const { set, spend, keep, derive, budgets, run } = spending();
    set({ limitMicros: "100", warnAt: 800 });
    spend({ costMicros: "79" });
    expect(keep()).toEqual([]);
    const warned: EventJson = { budgetWarned: { currency: "USD", spentMicros: "79" } };
    const exhausted: EventJson = { budgetExhausted: { currency: "USD", spentMicros: "79" } };
    expect([derive(warned), derive(exhausted)]).toEqual(["not_due", "not_due"]);
    spend({ costMicros: "1" });
    expect(keep().map(codeOf)).toEqual(["accepted"]);
    expect(budgets()).toMatchObject([{ phase: "BUDGET_PHASE_WARNED", spentMicros: 80 }]);
    expect(derive(warned)).toBe("stale_cause");
    expect(run()?.phase).toBe("RUN_PHASE_ACTIVE");
    spend({ costMicros: "25" });
    expect(keep().map(codeOf)).toEqual(["accepted"]);
    expect(budgets()).toMatchObject([{ phase: "BUDGET_PHASE_EXHAUSTED", spentMicros: 105 }]);
    expect([derive(exhausted), keep()]).toEqual(["stale_cause", []]);
  });

  test("SPEC 8.14: what its keeper says is spent is spent, and of the budget that there is", () => {
    const { story, set, spend, derive } = spending();
    set({ limitMicros: "100" });
    spend({ costMicros: "100" });
    const exhausted = (spentMicros: string): EventJson => ({ budgetExhausted: { currency: "USD", spentMicros } });
    expect(derive(exhausted("101"))).toBe("stale_cause");
    const before = story.state.seq;
    set({ limitMicros: "90" });
    expect(derive(exhausted("100"), before)).toBe("stale_cause");
    expect(derive({ budgetExhausted: { currency: "EUR", spentMicros: "1" } })).toBe("stale_cause");
    expect(derive(exhausted("100"))).toBe("accepted");
  });

  test("SPEC 8.12: suspends what is at work when it is exhausted, and lets it go on when it is raised or lifted", () => {
    const { story, ann, bot, set, spend, keep, lift, run, runId, attempt } = spending();
    set({ limitMicros: "100" });
    spend({ costMicros: "100" });
    keep();
    expect(run()).toMatchObject(held);
    expect(codeOf(story.write(bot, { runResumed: { runId } }, { attempt }))).toBe("budget_exhausted");
    story.write(ann, { runRequested: {} });
    const accept: EventJson = { runAccepted: { runId: `ann:${ann.number}:0`, instance: "bot-1" } };
    expect(codeOf(story.write(bot, accept))).toBe("budget_exhausted");
    set({ limitMicros: "200" });
    expect([run()?.phase, run()?.suspended]).toEqual(["RUN_PHASE_ACTIVE", undefined]);
    expect(codeOf(story.write(bot, accept))).toBe("accepted");
    spend({ costMicros: "100" });
    keep();
    expect(run()).toMatchObject(held);
    lift();
    expect(run()?.phase).toBe("RUN_PHASE_ACTIVE");
    expect(codeOf(lift())).toBe("not_found");
  });

  test("SPEC 8.12: and an operator hold runs together; both must let go", () => {
    const { story, op, set, spend, keep, run } = spending();
    story.write(op, { takeoverClaimed: {} });
    set({ limitMicros: "1" });
    spend({ costMicros: "1" });
    keep();
    expect(run()?.suspended).toBe("SUSPEND_REASON_TAKEOVER");
    const takeoverId = [...story.state.takeovers.keys()][0] ?? "";
    story.write(op, { takeoverReleased: { takeoverId, outcome: "TAKEOVER_OUTCOME_HANDED_BACK" } });
    expect(run()).toMatchObject(held);
    set({ limitMicros: "5" });
    expect(run()?.phase).toBe("RUN_PHASE_ACTIVE");
  });

  test("SPEC 8.14: has a currency, and usage in another does not touch it", () => {
    const { set, spend, keep, budgets } = spending();
    set({ limitMicros: "100" });
    set({ currency: "EUR", limitMicros: "10" });
    spend({ costMicros: "9" });
    expect(keep()).toEqual([]);
    spend({ currency: "EUR", costMicros: "11" });
    keep();
    expect(budgets().map(({ currency, phase }) => [currency, phase])).toEqual([
      ["USD", "BUDGET_PHASE_OPEN"],
      ["EUR", "BUDGET_PHASE_EXHAUSTED"],
    ]);
  });

  test("SPEC 8.14: or is in tokens, input and output of all models together", () => {
    const { set, spend, keep, budgets } = spending();
    set({ currency: "", limitTokens: "100" });
    spend({ inputTokens: 60, cacheReadTokens: 1000 });
    expect(keep()).toEqual([]);
    spend({ model: "n", outputTokens: 41 });
    expect(keep().map(codeOf)).toEqual(["accepted"]);
    expect(budgets()).toMatchObject([{ phase: "BUDGET_PHASE_EXHAUSTED", spentTokens: 101, spentMicros: 0 }]);
  });

  test("SPEC 8.14: counts what was spent before it was set, what only staff saw, and what comes after its end", () => {
    const { story, set, spend, keep, budgets } = spending();
    spend({ costMicros: "60" }, "AUDIENCE_STAFF");
    set({ limitMicros: "50" });
    keep();
    expect(budgets()).toMatchObject([{ phase: "BUDGET_PHASE_EXHAUSTED", spentMicros: 60 }]);
    expect(spend({ costMicros: "7" })).toBe("accepted");
    set({ limitMicros: "67" });
    keep();
    expect(budgets()).toMatchObject([{ phase: "BUDGET_PHASE_EXHAUSTED", spentMicros: 67 }]);
    expect(story.state.usage.size).toBe(2);
  });

  test("SPEC 8.14: is set in one unit, to something", () => {
    const { set } = spending();
    const codes = [
      set({ limitMicros: "0" }),
      set({ currency: "", limitMicros: "5" }),
      set({ limitMicros: "5", limitTokens: "5" }),
      set({ limitMicros: "5", warnAt: 1001 }),
      set({ limitMicros: "-5" }),
      set({ limitMicros: "5", warnAt: 1000 }),
    ].map(codeOf);
    expect(codes).toEqual([...Array.from({ length: 5 }, () => "invalid_event"), "accepted"]);
  });

  test("SPEC 11.1: there are so many, and what is lifted makes room", () => {
    const { set, lift } = spending({ budgets: 2 });
    set({ limitMicros: "1" });
    set({ currency: "EUR", limitMicros: "1" });
    expect(codeOf(set({ currency: "CHF", limitMicros: "1" }))).toBe("too_many_budgets");
    expect(codeOf(set({ limitMicros: "2" }))).toBe("accepted");
    lift("EUR");
    expect(codeOf(set({ currency: "CHF", limitMicros: "1" }))).toBe("accepted");
  });

  test("SPEC 13.9: shows its amounts to staff only, and everybody that there is one and how it stands", () => {
    const { story, set, spend, keep, lift } = spending();
    const results = [set({ limitMicros: "12345", warnAt: 800 })];
    spend({ costMicros: "12346" }, "AUDIENCE_STAFF");
    results.push(...keep());
    const seen = (level: "all" | "staff") =>
      JSON.stringify([
        project(story.state, level).budgets,
        ...results.map(({ accepted }) => accepted && projectAccepted(accepted, level)),
      ]);
    expect([seen("staff").includes("12345"), seen("staff").includes("12346")]).toEqual([true, true]);
    expect(/1234|800/.test(seen("all").replaceAll(/"timeMs":\d+/g, ""))).toBe(false);
    expect(project(story.state, "all").budgets).toMatchObject([{ currency: "USD", phase: "BUDGET_PHASE_EXHAUSTED" }]);
    const { seq } = story.state;
    lift();
    expect(patchSince(story.state, seq, "all")?.tombstones).toMatchObject([{ id: "budget:USD" }]);
    const user = story.pen("zoe", "ROLE_USER");
    expect(codeOf(story.write(user, { budgetSet: { currency: "USD", limitMicros: "1" } }))).toBe("forbidden");
  });
});
