import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { createContext, Script } from "node:vm";
import { type Chunk, connectAgent } from "@perdure/agent";
import { expect, test } from "vitest";
import { logger, World } from "./support/world.ts";

setFlagsFromString("--expose-gc");
const withCollector = createContext();
const collectGarbage = (): void => void new Script("gc()").runInContext(withCollector);

test("a pipe lets go of each chunk once it is written", async () => {
  const world = await World.start();
  const agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", logger });
  const written: WeakRef<object>[] = [];
  let kept = Number.NaN;
  async function* source(): AsyncGenerator<Chunk> {
    for (let index = 0; index < 100; index += 1) {
      const chunk: Chunk = { kind: "text", text: `${index} ` };
      written.push(new WeakRef(chunk));
      yield chunk;
    }
    // A WeakRef holds what it refers to until the turn ends.
    await nextTurn();
    collectGarbage();
    kept = written.filter((chunk) => chunk.deref() !== undefined).length;
  }
  const serving = agent.serve((run) => run.pipe(source()));
  const ann = await world.person("trip");
  await ann.runEnded(await ann.ask("hi"));
  expect(kept).toBeLessThan(10);
  await agent.close();
  await serving;
  await world.stop();
});
