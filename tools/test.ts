// `./dev test [vitest arguments]`: runs the tests once; the last line is `N passed, N failed` (`, N skipped`).
// With CI=true a test that skips itself fails the run.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestCounts } from "./test-counts.ts";

function isTestCounts(value: unknown): value is TestCounts {
  return typeof value === "object" && value !== null && "passed" in value && "failed" in value && "skipped" in value;
}

/** What the reporter wrote; undefined where vitest ended before it could. */
function readCounts(path: string): TestCounts | undefined {
  try {
    const counts: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isTestCounts(counts) ? counts : undefined;
  } catch {
    return undefined;
  }
}

const folder = mkdtempSync(join(tmpdir(), "perdure-test-counts-"));
const countsPath = join(folder, "counts.json");
const reporters = ["--reporter=default", "--reporter=./tools/test-counts.ts"];
const vitest = ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, vitest, {
  stdio: "inherit",
  // What one process has compiled, the next one takes: a hundred of them are started.
  env: { ...process.env, PERDURE_TEST_COUNTS: countsPath, NODE_COMPILE_CACHE: resolve(".runtime", "compiled") },
});
const counts = readCounts(countsPath);
rmSync(folder, { recursive: true });

if (counts === undefined) {
  console.error("vitest ended without a result");
  process.exitCode = status === null || status === 0 ? 1 : status;
} else {
  const { passed, failed, skipped } = counts;
  const skips = process.env["CI"] === "true" && skipped > 0;
  if (skips) console.error("with CI=true no test may be skipped");
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exitCode = status === 0 && (skips || failed > 0) ? 1 : (status ?? 1);
}
