import { planOf, type Plan } from "./plan/plan.ts";
import { shrink } from "./plan/shrink.ts";
import { type Outcome, run } from "./run.ts";

export interface CampaignOptions {
  readonly firstSeed: number;
  /** How many seeds at most. */
  readonly seedCount: number;
  /** No new seed is begun after so long. */
  readonly seconds: number;
  /** The real time, which a simulated process does not have. */
  readonly realMs: () => number;
}

export interface CampaignResult {
  readonly seeds: number;
  readonly records: number;
  /** Of the last seed. */
  readonly traceHash: string;
  readonly failure: { readonly plan: Plan; readonly outcome: Outcome } | undefined;
}

/** Runs seeds one after the other until one fails, or the time or the seeds are used up. */
export async function campaign({ firstSeed, seedCount, seconds, realMs }: CampaignOptions): Promise<CampaignResult> {
  const untilMs = realMs() + seconds * 1_000;
  let seeds = 0;
  let records = 0;
  let traceHash = "";
  while (seeds < seedCount && (seeds === 0 || realMs() < untilMs)) {
    const plan = planOf(firstSeed + seeds);
    const outcome = await run(plan);
    seeds += 1;
    records += outcome.records;
    ({ traceHash } = outcome);
    if (outcome.faults.length > 0) return { seeds, records, traceHash, failure: { plan, outcome } };
  }
  return { seeds, records, traceHash, failure: undefined };
}

/** One plan, as it was found. */
export async function replay(plan: Plan): Promise<CampaignResult> {
  const outcome = await run(plan);
  const { records, traceHash, faults } = outcome;
  return { seeds: 1, records, traceHash, failure: faults.length === 0 ? undefined : { plan, outcome } };
}

/** The part of a finding that stays the same when a plan is made smaller: the invariant. */
const invariantOf = (faults: readonly string[]): string => faults[0]?.split(":")[0] ?? "";

/** The plan with fewer steps that still breaks the same invariant. */
export async function smallest(plan: Plan, outcome: Outcome): Promise<Plan> {
  const wanted = invariantOf(outcome.faults);
  return shrink(plan, async (smaller) => (await run(smaller)).faults.some((fault) => fault.startsWith(`${wanted}:`)));
}
