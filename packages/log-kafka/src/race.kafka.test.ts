import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProxiedBrokers, startProxiedBrokers } from "../../../tools/kafka/proxied-brokers.ts";
import { openLog } from "../test/race/clients.ts";
import { cuts, cutsInFrames, killsAndRestarts, leadersMove, stalls } from "../test/race/disturbances.ts";
import { judge, storedIn } from "../test/race/judge.ts";
import { runRace } from "../test/race/race.ts";
import { createTopic } from "../test/race/topic.ts";
import { appendUntilKilled } from "../test/race/until-killed.ts";
import { EIGHT_WRITERS } from "../test/race/writers.ts";

const LONGER = { ...EIGHT_WRITERS, everyMs: 15 };
const ALL_TAKEN = { acknowledged: 3_200, lost: 0, doubled: 0, outOfOrder: 0, refused: [] };

describe.each([1, 3])("eight writers on a cluster of %i, kafkajs as the judge (SPEC 1, 4, 5)", (count) => {
  const dir = mkdtempSync(join(tmpdir(), "perdure-race-"));
  let place: ProxiedBrokers;
  beforeAll(async () => {
    place = await startProxiedBrokers({ dir, count });
  });
  afterAll(async () => {
    await place.kill();
    rmSync(dir, { recursive: true, force: true });
  });

  test("lose, double and reorder nothing while connections are cut", async () => {
    const result = await runRace(place, openLog, cuts);
    expect(result).toMatchObject(ALL_TAKEN);
    expect(result.cuts).toBeGreaterThan(5);
  });

  test("nor where they are cut in the middle of a frame, either way", async () => {
    const result = await runRace(place, openLog, cutsInFrames);
    expect(result).toMatchObject(ALL_TAKEN);
    expect(result.cuts).toBeGreaterThan(5);
  });

  test("nor where they stall, and are cut while they do", async () => {
    const result = await runRace(place, openLog, stalls);
    expect(result).toMatchObject(ALL_TAKEN);
    expect(result.cuts).toBeGreaterThan(2);
  });

  test("nor where the writer's process is killed between an acknowledgement and what it makes of it", async () => {
    const brokers = place.addresses;
    const { topicPrefix, topic } = await createTopic(place, 1);
    const told: number[] = [];
    for (let life = 0; life < 5; life += 1) {
      // What it was not told of may be in the log: whoever takes over sends it again.
      const from = (told.at(-1) ?? -1) + 1;
      told.push(...(await appendUntilKilled({ brokers, topicPrefix, topic, from, count: 100 + 37 * life })));
    }
    const acknowledged = told.map((number) => ({ writer: 0, number }));
    const stored = await storedIn(brokers, topicPrefix + topic);
    expect(judge(stored, { acknowledged, refused: [] })).toMatchObject({ acknowledged: told.length, lost: 0 });
    const numbers = [...new Set(stored.map(({ number }) => number))];
    expect(numbers).toEqual(Array.from(numbers, (_, at) => at));
  });

  test("nor where brokers are killed with -9 and started again", async () => {
    expect(await runRace(place, openLog, killsAndRestarts, LONGER)).toMatchObject(ALL_TAKEN);
  });

  test("nor where each broker in turn hands over what it leads, and ends", async () => {
    expect(await runRace(place, openLog, leadersMove, LONGER)).toMatchObject(ALL_TAKEN);
  });
});
