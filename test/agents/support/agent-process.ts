// An agent in a process of its own, to be killed. It plans (a step that leaves a mark in a file), then answers word by
// word; in its first attempt it never comes to the end. Asked to block, it does, until a file is there.
import { appendFileSync, existsSync } from "node:fs";
import { connectAgent } from "@perdure/agent";

const { AGENT_URL = "", AGENT_TOKEN = "", AGENT_MARKS = "" } = process.env;

async function* answer(plan: string, attempt: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let word = 0; word < 50; word += 1) yield `${plan}${word} `;
  if (attempt > 1) return;
  yield "half";
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve());
  });
}

/** Lets nothing else in this thread run until the file is there. */
function block(untilFile: string): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(untilFile)) Atomics.wait(never, 0, 0, 20);
}

const agent = await connectAgent({ url: AGENT_URL, getToken: () => AGENT_TOKEN, name: "helper", capacity: 1 });
await agent.serve(async (run) => {
  if (run.input.text === "block") {
    block(`${AGENT_MARKS}.go`);
    return;
  }
  const plan = await run.step("plan", () => {
    appendFileSync(AGENT_MARKS, `planned in attempt ${run.attempt}\n`);
    return "word";
  });
  const preface = await run.pipe(
    Array.from({ length: 200 }, (_, line) => `${line}: ${"é".repeat(500)}\n`),
    { key: "preface" },
  );
  appendFileSync(AGENT_MARKS, `a preface of ${preface.length} in attempt ${run.attempt}\n`);
  await run.pipe(answer(plan, run.attempt, run.signal), { key: "answer" });
});
