// A vitest reporter that writes what came of a run into the file named by PERDURE_TEST_COUNTS (for tools/test.ts).
import { writeFileSync } from "node:fs";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

/** A file that could not be run, and an error outside of any test, count as one failure each. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  /** Skipped by `skip`, `todo` or a condition; tests left out by a filter on the command line count too. */
  readonly skipped: number;
}

export default class TestCountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
    const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const suiteErrors = suites.filter((suite) => suite.errors().length > 0).length;
    const counts: TestCounts = {
      passed: count("passed"),
      failed: count("failed") + suiteErrors + unhandledErrors.length,
      skipped: count("skipped") + count("pending"),
    };
    const path = process.env["PERDURE_TEST_COUNTS"];
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts));
  }
}
