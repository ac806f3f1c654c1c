import { describe } from "vitest";
import { appendContract } from "./appends.ts";
import { groupContract } from "./groups.ts";
import type { LogHarness } from "./harness.ts";
import { readContract } from "./reads.ts";
import { tailContract } from "./tails.ts";

export type { LogHarness, OpenOptions } from "./harness.ts";

/** What every log must do, as one suite. An adapter is a log when it passes all of it. */
export function logContract(name: string, harness: LogHarness): void {
  describe(`contract of the ${name}`, () => {
    appendContract(harness);
    tailContract(harness);
    readContract(harness);
    groupContract(harness);
  });
}
