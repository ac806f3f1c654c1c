import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { planOf } from "./plan/plan.ts";
import { shrink } from "./plan/shrink.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;

/** Seeds run in a process of their own, whose clock, chance and turns are simulated. */
async function sim(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...args], { encoding: "utf8" });
  return stdout;
}

/** What a run says that finds something. */
const failing = (...args: readonly string[]): Promise<string> =>
  sim(...args).then(
    (output) => Promise.reject(new Error(`nothing was found: ${output}`)),
    (error: unknown) => (error instanceof Error && "stdout" in error ? String(error.stdout) : ""),
  );

describe("the simulator", () => {
  test("finds nothing wrong in its first seeds", async () => {
    expect(await sim("--seed", "1", "--seeds", "4")).toContain("4 seeds from 1 on");
  });

  test.each([64, 148, 209, 527, 553, 1152, 1737])(
    "finds nothing wrong any more in seed %i, which once failed",
    async (seed) => {
      expect(await sim("--seed", String(seed))).toContain("nothing wrong");
    },
  );

  test("does the same for the same seed, to the last byte, and something else for another", async () => {
    const [one, again, other] = await Promise.all([sim("--seed", "3"), sim("--seed", "3"), sim("--seed", "4")]);
    const hashOf = (output: string): string | undefined => /^seed \d+: (\w+)$/m.exec(output)?.[1];
    expect(hashOf(one)).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf(again)).toBe(hashOf(one));
    expect(hashOf(other)).not.toBe(hashOf(one));
  });

  test("does the same for a seed, whatever was run before it", async () => {
    const alone = await sim("--seed", "6", "--seeds", "1", "--json");
    const after = await sim("--seed", "5", "--seeds", "2", "--json");
    const hashOf = (output: string): unknown => {
      const result: unknown = JSON.parse(output);
      return typeof result === "object" && result !== null && "traceHash" in result ? result.traceHash : undefined;
    };
    expect(hashOf(after)).toBe(hashOf(alone));
    expect(hashOf(alone)).toMatch(/^[0-9a-f]{16}$/);
  });

  test("catches a planted bug and names the invariant", async () => {
    const caught = await failing("--mutation", "watermark one too far", "--seeds", "10", "--json");
    expect(caught).toMatch(/"(same state|kept|resume): /);
  });

  test("does again what the smallest plan says that it has found", async () => {
    const mutation = ["--mutation", "a request decided twice"] as const;
    const found = await failing(...mutation, "--seeds", "10");
    expect(found).toMatch(/^ {2}one winner: /m);
    expect(Number(/, (\d+) of \d+ steps/.exec(found)?.[1])).toBeLessThan(20);
    const file = join(mkdtempSync(join(tmpdir(), "perdure-plan-")), "plan.json");
    onTestFinished(() => rmSync(dirname(file), { recursive: true }));
    writeFileSync(file, found.slice(found.indexOf("\n{")));
    expect(await failing(...mutation, "--plan", file)).toMatch(/^ {2}one winner: /m);
    expect(await sim("--plan", file)).toContain("nothing wrong");
  });
});

describe("a plan that fails", () => {
  test("is made smaller until nothing can be left out", async () => {
    const plan = planOf(1);
    const [first, second] = [plan.steps[3], plan.steps.at(-2)];
    const smaller = await shrink(plan, ({ steps }) =>
      Promise.resolve([first, second].every((step) => step !== undefined && steps.includes(step))),
    );
    expect(plan.steps.length).toBeGreaterThan(10);
    expect(smaller.steps).toEqual([first, second]);
  });
});
