// An agent whose answer is known beforehand: a step, then two pipes of numbered words. What it begins, it notes in a file.
import { appendFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { connectAgent, PerdureError, type Run } from "@perdure/agent";
import { countedWords } from "./counted-words.ts";

const env = (name: string): string => process.env[name] ?? "";
const diary = env("COUNTING_DIARY");
const everyMs = 1_000 / Number(env("COUNTING_PER_SECOND"));

const note = (run: Run, what: string): void =>
  appendFileSync(diary, `${JSON.stringify({ run: run.id, attempt: run.attempt, what })}\n`);

async function* words(run: Run, name: string, count: number): AsyncGenerator<string> {
  note(run, name);
  const startedMs = performance.now();
  for (const [index, word] of countedWords(name, count).entries()) {
    const dueMs = startedMs + index * everyMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    yield word;
  }
}

const agent = await connectAgent({
  url: env("COUNTING_URL"),
  getToken: () => env("COUNTING_TOKEN"),
  name: "counter",
  capacity: Number(env("COUNTING_CAPACITY") || 4),
});
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => void agent.close({ drainMs: 0 }).finally(() => process.exit(0)));
}
console.log("counting agent serves");

await agent.serve(async (run) => {
  try {
    const [first = 0, second = 0] = await run.step("plan", () => {
      note(run, "plan");
      return run.input.text.split(" ").map(Number);
    });
    await run.pipe(words(run, "first", first), { key: "first" });
    await run.pipe(words(run, "second", second), { key: "second" });
  } catch (error) {
    note(run, error instanceof PerdureError ? error.code : String(error));
    throw error;
  }
});
