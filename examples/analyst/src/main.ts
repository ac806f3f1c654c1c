/** An agent that answers questions about a folder of files. `./dev up` starts it. */
import { readFile } from "node:fs/promises";
import { connectAgent } from "@perdure/agent";
import type { Run } from "@perdure/agent";
import type { LanguageModel } from "ai";
import { openLibrary } from "./folder/library.ts";
import { Pace, systemClock } from "./output/pace.ts";
import { openPlainStream } from "./output/plain-stream.ts";
import { noTruth, openTruth } from "./output/truth.ts";
import { outputOf } from "./output/writer.ts";
import type { RunOutput } from "./output/writer.ts";
import { answerByExtraction } from "./run/extractive.ts";
import { hear } from "./run/steering.ts";
import { readSettings } from "./settings.ts";
import { suggestionsFor, titleOf } from "./suggestions.ts";

const settings = readSettings(process.argv.slice(2), process.env);
const library = await openLibrary(settings.folder);
const truth = settings.truthFile === "" ? noTruth : openTruth(settings.truthFile);
const plain = await openPlainStream(settings.plainPort);
const answerOnce = settings.model === undefined ? withoutModel : await withModel(settings.model);

const agent = await connectAgent({
  url: settings.url,
  getToken: async () => (await readFile(settings.tokenFile, "utf8")).trim(),
  name: "analyst",
  capacity: 8,
  description: settings.model?.name ?? "full-text search, no model",
});

const serving = agent.serve(async (run) => {
  const output = outputOf(run, { truth, plain });
  try {
    await answerOnce(run, output);
    output.end("completed");
  } catch (error) {
    output.end(run.signal.aborted ? "cancelled" : "failed");
    throw error;
  }
});

console.log(`analyst serves ${library.files.length} files of ${settings.folder}`);
process.send?.({
  plainPort: plain.port,
  description: settings.model?.name ?? "",
  title: titleOf(library),
  suggestions: suggestionsFor(library),
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => {
    void agent.close({ drainMs: 0 }).finally(() => process.exit(0));
  });
}
await serving;

async function withoutModel(run: Run, output: RunOutput): Promise<void> {
  const pace = new Pace(settings.tokensPerSecond, systemClock);
  await answerByExtraction(run, { library, output, steering: hear(run), pace });
}

// Loaded where it is needed: the AI SDK takes longer to load than everything else together.
async function withModel(
  modelSettings: NonNullable<typeof settings.model>,
): Promise<(run: Run, output: RunOutput) => Promise<void>> {
  const { answerByModel, openModel } = await import("./run/model.ts");
  const model: LanguageModel = openModel(modelSettings);
  return (run, output) => answerByModel(run, { model, settings: modelSettings, library, output, steering: hear(run) });
}
