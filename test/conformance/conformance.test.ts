import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../edge/support.ts";
import { play } from "./player.ts";
import { foreignTarget, ownTarget, type Target } from "./target.ts";
import { type Transcript, transcriptsIn } from "./transcript.ts";

const transcripts = transcriptsIn(readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8"));
const foreign = process.env["PERDURE_CONFORMANCE"];

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());

const targetOf = (): Promise<Target> =>
  foreign === undefined ? ownTarget(world) : Promise.resolve(foreignTarget(foreign));

const canPlay = ({ steps }: Transcript, target: Target): boolean =>
  steps.every((step) => step.kind !== "server" || target.can(step.does));

describe("an exchange of docs/protocol.md", () => {
  test.concurrent.for(transcripts)("$name", async (transcript, { expect: expects, skip }) => {
    const target = await targetOf();
    if (!canPlay(transcript, target)) skip("only the server's owner can make it do what this asks for");
    await expects(play(transcript, target)).resolves.toBe("played");
  });
});

test("every transcript has a name of its own", () => {
  const names = transcripts.map(({ name }) => name);
  expect(names.length).toBeGreaterThan(20);
  expect(new Set(names).size).toBe(names.length);
});
