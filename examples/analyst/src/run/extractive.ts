/**
 * The analyst without a model: plans from the question's words, lists, searches and reads the folder, and puts the
 * answer together from what it found. All of that takes milliseconds; what is written is written at a pace at which
 * people can read along.
 */
import type { Chunk, Run } from "@perdure/agent";
import { composeOverview, composeTopic, composeTurn } from "../answer/compose.ts";
import { gather } from "../answer/evidence.ts";
import { lookOver } from "../answer/overview.ts";
import { accepts, planFor } from "../answer/plan.ts";
import type { Plan } from "../answer/plan.ts";
import { place } from "../answer/source.ts";
import type { Piece } from "../answer/source.ts";
import type { Found, Library } from "../folder/library.ts";
import { written } from "../output/cited-text.ts";
import { tokensOf } from "../output/pace.ts";
import type { Pace } from "../output/pace.ts";
import type { RunOutput } from "../output/writer.ts";
import type { Steering } from "./steering.ts";
import { thoughtOfPlan, thoughtOfResults } from "./thoughts.ts";

export interface ExtractiveOptions {
  readonly library: Library;
  readonly output: RunOutput;
  readonly steering: Steering;
  readonly pace: Pace;
}

const PASSAGES = 24;

/** Answers a run's question, in as many rounds as people change it. */
export async function answerByExtraction(run: Run, options: ExtractiveOptions): Promise<void> {
  const { said } = options.steering;
  let round: number;
  do {
    round = said.length;
    await answerRound(run, options, said.slice(0, round));
  } while (said.length > round);
}

async function answerRound(run: Run, options: ExtractiveOptions, steers: readonly string[]): Promise<void> {
  const { library, pace, steering } = options;
  const round = steers.length;
  run.progress({ label: "Reading the question" });
  await run.toolCall(
    { name: "list", input: { folder: "." } },
    async () => {
      await library.refresh();
      return { files: library.files.length, passages: library.passageCount, skipped: library.skippedCount };
    },
    { key: `list:${round}`, label: "Look over the folder" },
  );
  const plan = planFor(run.input.text, library, steers);
  await think(run, options, { key: `plan:${round}`, label: "Plan", text: thoughtOfPlan(plan, library) });
  const pieces = await find(run, options, { plan, round });
  const turn = steers.at(-1);
  const whole = turn === undefined ? pieces : [...composeTurn(turn), ...pieces];
  if (steering.said.length > round) return;
  await write(run, options, { key: `write:${round}`, pieces: whole, round, pace });
}

async function find(run: Run, options: ExtractiveOptions, at: { plan: Plan; round: number }): Promise<Piece[]> {
  const { library } = options;
  const { plan, round } = at;
  if (plan.intent === "overview" || plan.intent === "place") {
    run.progress({ label: "Reading the outline" });
    const call = { name: "outline", input: { path: plan.place === "" ? "." : plan.place } };
    const key = {
      key: `outline:${round}`,
      label: `Read the outline of ${plan.place === "" ? "the folder" : plan.place}`,
    };
    await run.toolCall(call, () => outlineOf(library, plan.place), key);
    return composeOverview(plan, lookOver(library, plan.place));
  }
  run.progress({ label: "Searching" });
  const query = plan.words.join(" ");
  const places = await run.toolCall(
    { name: "search", input: { query, ...(plan.place === "" ? {} : { in: plan.place }) } },
    () => library.search(query, { limit: PASSAGES, accepts: accepts(plan) }).map(({ passage }) => place(passage)),
    { key: `search:${round}`, label: `Search ${library.passageCount.toLocaleString("en")} passages` },
  );
  const found = places.flatMap((one): Found[] => {
    const passage = library.passageAt(one);
    return passage === undefined ? [] : [{ passage, score: 0 }];
  });
  await think(run, options, {
    key: `weigh:${round}`,
    label: "Weigh what was found",
    text: thoughtOfResults(found, library),
  });
  run.progress({ label: "Reading the passages" });
  const evidence = gather(plan, library, found);
  await run.toolCall(
    { name: "read", input: { passages: places.length } },
    () => ({ quotes: evidence.quotes.length, definitions: evidence.definitions.length, tests: evidence.tests.length }),
    { key: `read:${round}`, label: `Read ${evidence.passagesRead} passages of ${evidence.filesRead} files` },
  );
  return composeTopic(plan, evidence, library.namesLike(query));
}

const outlineOf = (library: Library, path: string): object => {
  const { fileCount, lineCount, parts } = lookOver(library, path);
  return { files: fileCount, lines: lineCount, parts: parts.map((part) => part.path) };
};

async function think(
  run: Run,
  { pace, steering }: ExtractiveOptions,
  step: { key: string; label: string; text: string },
): Promise<void> {
  const round = steering.said.length;
  async function* thought(): AsyncGenerator<Chunk> {
    for (const text of tokensOf(step.text)) {
      await pace.turn(run.signal);
      if (run.signal.aborted || steering.said.length > round) return;
      yield { kind: "reasoning", text };
    }
  }
  await run.pipe(thought(), { key: step.key, label: step.label });
}

async function write(
  run: Run,
  { output, steering }: ExtractiveOptions,
  { key, pieces, round, pace }: { key: string; pieces: readonly Piece[]; round: number; pace: Pace },
): Promise<void> {
  const total = pieces.reduce((sum, piece) => sum + (piece.kind === "text" ? tokensOf(piece.text).length : 1), 0);
  const progress = (left: number): void =>
    run.progress({ label: "Writing", fraction: 1 - left / total, etaMs: pace.durationMs(left) });
  async function* chunks(): AsyncGenerator<Chunk> {
    // Not before it is asked for: what an earlier attempt finished is not written again.
    output.begin(key);
    yield* written(pieces, {
      pace,
      signal: run.signal,
      onText: (text) => output.text(key, text),
      onLine: progress,
      enough: () => steering.said.length > round,
    });
  }
  progress(total);
  await run.pipe(chunks(), { key, label: "Write the answer" });
  output.done(key);
}
