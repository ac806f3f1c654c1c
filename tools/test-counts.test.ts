import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";

/** Runs vitest over a folder with these files; returns its exit code and what the reporter counted. */
function runVitest(files: Readonly<Record<string, string>>): { status: number | null; counts: unknown } {
  const folder = mkdtempSync(join(tmpdir(), "perdure-counts-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const countsPath = join(folder, "counts.json");
  const reporter = `--reporter=${resolve("tools/test-counts.ts")}`;
  const args = [resolve("node_modules/vitest/vitest.mjs"), "run", "--globals", "--root", folder, reporter];
  const { status } = spawnSync(process.execPath, args, { env: { ...process.env, PERDURE_TEST_COUNTS: countsPath } });
  return { status, counts: JSON.parse(readFileSync(countsPath, "utf8")) };
}

test("counts what passed, failed and was skipped, and a file that could not be run as a failure", () => {
  const { status, counts } = runVitest({
    "mixed.test.js":
      'test("a", () => {}); test("b", () => { throw new Error("no"); }); test.skip("c", () => {}); test.todo("d");',
    "broken.test.js": 'import "./nothing.js";',
  });
  expect(counts).toEqual({ passed: 1, failed: 2, skipped: 2 });
  expect(status).toBe(1);
});

test("counts a failing hook and an error outside of any test", () => {
  const { status, counts } = runVitest({
    "hook.test.js": 'describe("x", () => { beforeAll(() => { throw new Error("no"); }); test("a", () => {}); });',
    "late.test.js":
      'test("a", async () => { void Promise.reject(new Error("late")); await new Promise((r) => setTimeout(r)); });',
  });
  expect(counts).toMatchObject({ failed: 2 });
  expect(status).toBe(1);
});

test("all passed is no failure", () => {
  expect(runVitest({ "fine.test.js": 'test("a", () => {});' })).toEqual({
    status: 0,
    counts: { passed: 1, failed: 0, skipped: 0 },
  });
});
