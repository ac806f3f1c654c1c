import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../edge/support.ts";
import { canPlay, play } from "./player.ts";
import { describedTarget, ownTarget, type Target } from "./target.ts";
import { readTranscripts } from "./transcript.ts";

const transcripts = readTranscripts();
const described = process.env["PERDURE_CONFORMANCE"];

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world.close());

const targetOf = (): Promise<Target> =>
  described === undefined ? ownTarget(world) : Promise.resolve(describedTarget(described));

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
