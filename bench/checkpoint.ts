// `./dev bench checkpoint [--json]`: what the keeper writes in heads and pages of a session that streams 50 tokens a
// second for ten minutes, over the bytes of its own events. Simulated time, the keeper's own rhythm, embedded log.
import { DEFAULT_KEEPER_SETTINGS } from "@perdure/keeper";
import { type KeptBytes, streamUnderKeeper } from "./checkpoint/kept.ts";
import { print } from "./measure/report.ts";
import { readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench checkpoint [--json]", {
  options: { json: { type: "boolean", default: false } },
});
const seconds = 600;
const tokensPerSecond = 50;
const answers = [500, 5_000, seconds * tokensPerSecond];

const kept: KeptBytes[] = [];
for (const tokensPerAnswer of answers) {
  kept.push(await streamUnderKeeper({ seconds, tokensPerSecond, tokensPerAnswer }));
}
const timesOf = ({ events, heads, pages }: KeptBytes): number => (heads + pages) / events;
const kib = 1024;

print(
  {
    bench: "checkpoint",
    setting: `one session, ${tokensPerSecond} tokens/s for ${seconds} s of simulated time, a checkpoint every ${DEFAULT_KEEPER_SETTINGS.checkpointMs / 1_000} s, embedded log; bytes of keys and values`,
    tables: [
      {
        title: "bytes written",
        columns: ["events KB", "heads KB", "pages KB", "index KB", "checkpoints", "times events"],
        plotted: ["events KB", "heads KB", "pages KB"],
        rows: kept.map((bytes, index) => ({
          name: `answers of ${answers[index]} tokens`,
          values: [
            bytes.events / kib,
            bytes.heads / kib,
            bytes.pages / kib,
            bytes.index / kib,
            bytes.checkpoints,
            timesOf(bytes),
          ],
        })),
      },
    ],
    marks: kept.map((bytes, index) => ({
      what: `heads and pages over events, answers of ${answers[index]} tokens`,
      unit: "times",
      measured: timesOf(bytes),
      limit: 3,
    })),
  },
  values.json,
);
