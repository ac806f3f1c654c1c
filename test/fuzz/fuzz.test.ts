import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { campaign, type Finding, replay, TARGETS } from "./campaign.ts";

const folder = new URL("cases/", import.meta.url);
const CASES = 8_000;

describe("malformed, hostile and future input (SPEC 11.1, 12.1, 12.3)", () => {
  test("is answered with a word or a code at every way in, and moves no state past its caps", () => {
    const { cases, counts, findings } = campaign(20_261_126, CASES);
    expect(findings).toEqual([]);
    expect(cases).toBe(CASES);
    // What nearly all refuse before the rules see it would prove little.
    expect([...counts.keys()]).toEqual(TARGETS.map(({ name }) => name));
    expect(counts.get("records of the log")?.get("accepted")).toBeGreaterThan(100);
    expect(new Set([...counts.values()].flatMap((answers) => [...answers.keys()])).size).toBeGreaterThan(30);
  });

  test("the same seed tries the same", () => {
    const answers = [1, 2].map(() => campaign(7, 500).counts);
    expect(answers[0]).toEqual(answers[1]);
  });

  test.for(readdirSync(folder))("a case that was found once does no harm any more: %s", (name) => {
    const finding: unknown = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
    if (!isFinding(finding)) throw new Error(`${name} holds no finding`);
    expect(replay(finding)).toBeUndefined();
  });
});

const isFinding = (value: unknown): value is Finding =>
  typeof value === "object" && value !== null && "target" in value && "inputs" in value;
