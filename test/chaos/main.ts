// `./dev chaos`: kills, freezes and cuts at random while agents stream and people read, then compares everything.
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ROOT } from "../support/program.ts";
import { type ChaosOptions, type ChaosResult, runChaos } from "./run.ts";
import { choiceOption, numberOption, readOptions } from "../../tools/options.ts";

const { values } = readOptions(
  "./dev chaos [--minutes N] [--seed S] [--log kafka|embedded] [--brokers N] [--sessions N] [--clients N] [--agents N] [--rate WORDS_PER_SECOND]",
  {
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
      log: { type: "string", default: "kafka" },
      sessions: { type: "string", default: "50" },
      clients: { type: "string", default: "200" },
      brokers: { type: "string", default: "1" },
      agents: { type: "string", default: "4" },
      rate: { type: "string", default: "4" },
    },
  },
);
const SHOWN_LINES = 60;
const startedMs = performance.now();
const seed = numberOption("seed", values.seed, { low: 0, high: 2 ** 31 });
const folder = join(tmpdir(), `perdure-chaos-${seed}-${process.pid}`);
const options: ChaosOptions = {
  log: choiceOption("log", values.log, ["kafka", "embedded"]),
  seed,
  durationMs: numberOption("minutes", values.minutes, { low: 0, isWhole: false }) * 60_000,
  sessionCount: numberOption("sessions", values.sessions, { high: 10_000 }),
  clientCount: numberOption("clients", values.clients, { high: 10_000 }),
  brokerCount: numberOption("brokers", values.brokers, { high: 9 }),
  agentCount: numberOption("agents", values.agents, { high: 100 }),
  wordsPerSecond: numberOption("rate", values.rate, { high: 1_000 }),
  folder,
  print: (line) => console.log(line),
};

function report({ harms, asked, verdicts, cutConnections, complaints }: ChaosResult): string {
  const faults = [...harms.done].map(([what, count]) => `  ${String(count).padStart(4)} ${what}`).toSorted();
  const records = [...verdicts].map(([verdict, count]) => `  ${String(count).padStart(6)} ${verdict}`);
  return [
    `faults (${harms.skipped} more came where another one was going on):`,
    ...faults,
    `connections cut: ${cutConnections}`,
    `questions asked and acknowledged: ${asked}`,
    "records in the log, as the fold judged them:",
    ...records,
    ...(complaints.length === 0 ? [] : [`WRONG (${complaints.length}):`, ...complaints]),
  ].join("\n");
}

/** Where whoever has to find out what happened finds everything that was printed. */
function keep(text: string): string {
  const kept = resolve(ROOT, ".perdure/chaos", `seed-${seed}-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`);
  mkdirSync(resolve(ROOT, ".perdure/chaos"), { recursive: true });
  writeFileSync(join(folder, "report.txt"), text);
  cpSync(folder, kept, { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  return kept;
}

console.log(
  `chaos: seed ${seed}, log ${options.log}, ${values.minutes} min, ${values.sessions} sessions, ${values.clients} clients`,
);
let text: string;
let isRight = false;
try {
  const result = await runChaos(options);
  text = report(result);
  isRight = result.complaints.length === 0;
} catch (error) {
  text = `the run itself failed: ${error instanceof Error ? error.stack : String(error)}`;
}
console.log(text.split("\n").slice(0, SHOWN_LINES).join("\n"));
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
if (isRight) {
  rmSync(folder, { recursive: true, force: true });
  console.log(`chaos: 0 lost, 0 doubled, all ended, presence right, nothing leaked: seed ${seed}, ${seconds} s`);
} else {
  console.log(`chaos: FAILED: seed ${seed}, ${seconds} s; everything that was printed is in ${keep(text)}`);
  process.exitCode = 1;
}
