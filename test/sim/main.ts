// `./dev sim`: runs seeds of the simulator, and says which one fails.
// The hooks have to be there before the modules that they change are loaded.
import { readFileSync } from "node:fs";
import { choiceOption, numberOption, type NumberLimits, readOptions } from "../../tools/options.ts";
import { mutationNamed, MUTATIONS } from "./mutations/mutations.ts";
import { checkMutations } from "./mutations/check.ts";
import { readPlan } from "./plan/read-plan.ts";
import { installHooks } from "./world/hooks.ts";

const USAGE = "./dev sim [--seed N | --plan FILE] [--seeds N] [--seconds S] [--json] [--mutation NAME | --mutations]";
const { values } = readOptions(USAGE, {
  options: {
    seed: { type: "string" },
    plan: { type: "string" },
    seeds: { type: "string" },
    seconds: { type: "string" },
    mutations: { type: "boolean" },
    mutation: { type: "string" },
    json: { type: "boolean" },
  },
});

function numberOf(name: string, text: string | undefined, otherwise: number, limits?: NumberLimits): number {
  return text === undefined ? otherwise : numberOption(name, text, limits);
}

const NAMES = MUTATIONS.map(({ name }) => name);
const DEFAULT_SECONDS = 30;
/** Enough for the mutation that takes longest, several times over. */
const MUTATION_SEEDS = 400;

const firstSeed = numberOf("seed", values.seed, 1, { low: 0 });
const given = values.seeds ?? (values.seed !== undefined && values.seconds === undefined ? "1" : undefined);
const seedCount = numberOf("seeds", given, Number.POSITIVE_INFINITY);
const otherwiseSeconds = given === undefined ? DEFAULT_SECONDS : Number.POSITIVE_INFINITY;
const seconds = numberOf("seconds", values.seconds, otherwiseSeconds, { low: 0, isWhole: false });

if (values.mutations === true) {
  process.exitCode = await checkMutations(numberOf("seeds", values.seeds, MUTATION_SEEDS));
} else {
  process.exitCode = await runSeeds();
}

async function runSeeds(): Promise<number> {
  installHooks(
    values.mutation === undefined ? [] : mutationNamed(choiceOption("mutation", values.mutation, NAMES)).patches,
  );
  const what = values.plan === undefined ? `seed ${firstSeed}` : `the plan of ${values.plan}`;
  const { simulateRuntime } = await import("./world/runtime.ts");
  const { campaign, replay, smallest } = await import("./campaign.ts");
  const startedMs = performance.now();
  simulateRuntime();
  const { seeds, records, traceHash, failure } =
    values.plan === undefined
      ? await campaign({ firstSeed, seedCount, seconds, realMs: () => performance.now() })
      : await replay(readPlan(readFileSync(values.plan, "utf8")));
  if (values.json === true) {
    const { plan, outcome } = failure ?? {};
    console.log(JSON.stringify({ seeds, records, traceHash, seed: plan?.seed, faults: outcome?.faults ?? [] }));
    return failure === undefined ? 0 : 1;
  }
  if (seeds === 1) console.log(`${what}: ${traceHash}`);
  const took = ((performance.now() - startedMs) / 1_000).toFixed(1);
  if (failure === undefined) {
    const ran = values.plan === undefined ? `${seeds} seeds from ${firstSeed} on` : what;
    console.log(`${ran}, ${records} records: nothing wrong (${took} s)`);
    return 0;
  }
  const { plan, outcome } = failure;
  if (values.plan === undefined) {
    console.log(`seed ${plan.seed} fails (after ${seeds} seeds): ./dev sim --seed ${plan.seed} shows it again`);
  } else console.log(`${what} fails`);
  for (const fault of outcome.faults) console.log(`  ${fault}`);
  const small = await smallest(plan, outcome);
  const count = `${small.steps.length} of ${plan.steps.length} steps`;
  console.log(`the smallest plan found that still fails, ${count} (in a file: ./dev sim --plan FILE):`);
  console.log(JSON.stringify(small, undefined, 1));
  return 1;
}
