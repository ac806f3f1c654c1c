// `./dev fuzz [--seed N] [--cases N]`: malformed, hostile and future input for the fold and every decoder. Prints how each
// way in answered; what should not have happened is kept in test/fuzz/cases, where a test replays it.
import { writeFileSync } from "node:fs";
import { campaign, fileNameOf } from "./campaign.ts";
import { numberOption, readOptions } from "../../tools/options.ts";

const { values } = readOptions("./dev fuzz [--seed N] [--cases N]", {
  options: { seed: { type: "string" }, cases: { type: "string" } },
});
const seed = numberOption("seed", values.seed ?? String(Date.now() % 1_000_000), { low: 0 });
const cases = numberOption("cases", values.cases ?? "100000");

const startedMs = performance.now();
let shownMs = startedMs;
const outcome = campaign(seed, cases, (done) => {
  if (performance.now() - shownMs < 10_000) return;
  shownMs = performance.now();
  console.error(`${done} of ${cases}`);
});
const seconds = (performance.now() - startedMs) / 1_000;

for (const [target, counts] of outcome.counts) {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(`\n${target}: ${total}`);
  for (const [answer, count] of [...counts].toSorted(([, one], [, other]) => other - one)) {
    console.log(`${String(count).padStart(9)}  ${answer}`);
  }
}
for (const finding of outcome.findings) {
  const path = new URL(`cases/${fileNameOf(finding)}`, import.meta.url);
  writeFileSync(path, `${JSON.stringify(finding, undefined, 1)}\n`);
  console.log(
    `\nFOUND ${finding.target}: ${finding.fault}\n  ${finding.inputs.length} inputs, kept in ${path.pathname}`,
  );
}
const { findings, slowestMs } = outcome;
console.log(`\nslowest answer: ${slowestMs.toFixed(0)} ms`);
console.log(`seed ${seed}: ${outcome.cases} cases in ${seconds.toFixed(1)} s, ${findings.length} faults`);
process.exitCode = findings.length === 0 ? 0 : 1;
