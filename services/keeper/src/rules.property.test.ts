import * as fc from "fast-check";
import { describe, it } from "vitest";
import { MixedFleet } from "./testing/mixed-fleet.ts";

/** What happens, in which session; the third number decides how. */
const steps = fc.array(fc.tuple(fc.nat(9), fc.nat(2), fc.nat(99)), { minLength: 15, maxLength: 40 });

describe("nodes and keepers of two versions that come and go (SPEC 1: kept, SPEC 3: same log, same state, SPEC 14)", () => {
  it(
    "loses nothing of any session, and judge none that they do not know the rules of",
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (happening) => {
          const fleet = await MixedFleet.start();
          try {
            for (const step of happening) await fleet.step(step);
            await fleet.end();
          } finally {
            await fleet.stop();
          }
        }),
        {
          seed: Number(process.env["FUZZ_SEED"] ?? 20_261),
          numRuns: Number(process.env["FUZZ_RUNS"] ?? 8),
          endOnFailure: process.env["FUZZ_SHRINK"] === undefined,
        },
      );
    },
  );
});
