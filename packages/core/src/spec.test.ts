import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const here = dirname(fileURLToPath(import.meta.url));
const numbers = (text: string, pattern: RegExp): readonly string[] =>
  [...text.matchAll(pattern)].map(([, number = ""]) => number);

const rules = numbers(readFileSync(join(here, "../SPEC.md"), "utf8"), /^- \*\*(\d+\.\d+)\*\*/gm);

const testNames = readdirSync(here, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.ts"))
  .flatMap((name) => numbers(readFileSync(join(here, name), "utf8"), /"(SPEC \d[^"]*)"/g));

const cited = testNames.flatMap((name) => numbers(name.slice(0, name.indexOf(":")), /(\d+\.\d+)/g));

test("every rule of SPEC.md is cited by a test", () => {
  expect(rules.length).toBeGreaterThan(75);
  expect(rules.filter((rule) => !cited.includes(rule))).toEqual([]);
});

test("every rule that a test cites is in SPEC.md, once", () => {
  expect(cited.filter((rule) => !rules.includes(rule))).toEqual([]);
  expect(rules.filter((rule, index) => rules.indexOf(rule) !== index)).toEqual([]);
});
