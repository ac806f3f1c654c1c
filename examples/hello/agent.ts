import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { connectAgent } from "@perdure/agent";

const agent = await connectAgent({
  url: process.env["PERDURE_URL"] ?? "http://127.0.0.1:4001",
  getToken: () => readFile(process.env["PERDURE_TOKEN_FILE"] ?? ".perdure/agent-token", "utf8"),
  name: "hello",
});
console.log("hello is here: ask it on the page");
await agent.serve(async (run) => {
  const upper = await run.step("think", () => run.input.text.toUpperCase()); // done once, whatever happens
  async function* answer() {
    for (const word of `You said: ${upper}. I heard it, word by word.`.split(/(?<= )/)) yield ((await wait(120), word));
  }
  await run.pipe(answer());
});
