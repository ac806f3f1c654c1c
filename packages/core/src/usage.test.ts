import type { UsageReportedJson } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { codeOf, storyAtWork } from "./testing/story.ts";
import { project, toHead } from "./index.ts";

function reporting(limits = {}) {
  const { story, bot } = storyAtWork(limits);
  const report = (fields: UsageReportedJson, audience: "AUDIENCE_ALL" | "AUDIENCE_STAFF" = "AUDIENCE_ALL") =>
    codeOf(
      story.write(bot, { usageReported: { provider: "p", model: "m", currency: "USD", ...fields } }, { audience }),
    );
  return { story, report, totals: () => toHead(story.state).usage?.totals };
}

describe("usage", () => {
  test("SPEC 4.9: a second report of a response counts once", () => {
    const { report, totals } = reporting();
    expect(report({ inputTokens: 10, costMicros: "250", responseId: "r1" })).toBe("accepted");
    expect(report({ inputTokens: 10, costMicros: "250", responseId: "r1" })).toBe("accepted");
    expect(report({ inputTokens: 5, costMicros: "50", responseId: "r2" })).toBe("accepted");
    expect(totals()).toMatchObject([{ inputTokens: "15", costMicros: "300", reports: 2 }]);
  });

  test("SPEC 11.5: stays where numbers are exact", () => {
    const { report, totals } = reporting();
    const most = String(Number.MAX_SAFE_INTEGER);
    report({ costMicros: most });
    report({ costMicros: most });
    expect(totals()).toMatchObject([{ costMicros: most }]);
    expect(report({ costMicros: "9223372036854775807" })).toBe("invalid_event");
    expect(report({ costMicros: "-1" })).toBe("invalid_event");
  });

  test("SPEC 11.5: sums models past the cap as other, per audience", () => {
    const { report, totals } = reporting({ usageTotals: 2 });
    for (const model of ["a", "b", "c", "d", "a"]) report({ model, outputTokens: 1 });
    report({ model: "e", outputTokens: 1 }, "AUDIENCE_STAFF");
    expect(totals()?.map(({ model, reports, audience }) => [model, reports, audience])).toEqual([
      ["a", 2, "AUDIENCE_ALL"],
      ["b", 1, "AUDIENCE_ALL"],
      ["other", 2, "AUDIENCE_ALL"],
      ["e", 1, "AUDIENCE_STAFF"],
    ]);
  });

  test("SPEC 11.1: has an end also for currencies", () => {
    const { report, totals } = reporting({ usageTotals: 2 });
    const codes = Array.from({ length: 40 }, (_, index) => report({ currency: `C${index}` }));
    expect(codes.filter((code) => code === "session_full")).toHaveLength(22);
    expect(totals()).toHaveLength(18);
  });

  test("SPEC 13.5: is seen by whom it was reported to", () => {
    const { story, report } = reporting();
    report({ costMicros: "1" }, "AUDIENCE_STAFF");
    expect(project(story.state, "all").usage).toBeUndefined();
    expect(project(story.state, "staff").usage?.totals).toHaveLength(1);
    expect(project(story.state, "staff").usage?.responseIds).toBeUndefined();
  });
});
