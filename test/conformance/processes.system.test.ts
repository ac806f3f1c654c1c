import { afterAll, beforeAll, describe, expect, onTestFailed, test } from "vitest";
import { type LogKind, Servers } from "../support/servers.ts";
import { canPlay, play } from "./player.ts";
import { targetAt, type Target, tokenOf } from "./target.ts";
import { readTranscripts } from "./transcript.ts";

const logs: readonly LogKind[] = ["embedded", "kafka"];

describe.each(logs)("whole processes on the %s log", (log) => {
  let perdure: Servers;
  let target: Target;

  beforeAll(async () => {
    perdure = await Servers.start({ log });
    target = targetAt(perdure.edgeUrl, (holder) => tokenOf(holder, (claims, ttlMs) => perdure.token(claims, ttlMs)));
  });
  afterAll(() => perdure.stop());

  test("keep to the exchanges of docs/protocol.md", async () => {
    onTestFailed(() => console.error(perdure.report));
    const transcripts = readTranscripts().filter((transcript) => canPlay(transcript, target));
    const played = await Promise.all(
      transcripts.map(async (transcript) => [transcript.name, await play(transcript, target).catch(String)]),
    );
    expect(played).toEqual(transcripts.map(({ name }) => [name, "played"]));
    expect(played.length).toBeGreaterThan(20);
  });
});
