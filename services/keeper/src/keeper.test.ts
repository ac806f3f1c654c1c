import { decodeIndexEntry, decodeWatermark, encodeRecord, WATERMARK_KEY } from "@perdure/protocol";
import { createReplica, entryKeyText, type Replica, type SessionListener, TOPICS } from "@perdure/replica";
import { canonicalText, SampleWriter, TestLog, TestLogger, until } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Keeper, startKeeper } from "./keeper.ts";
import type { KeeperSettings } from "./settings.ts";

const KEY = "acme/one";
const quiet: SessionListener = { onAccepted: () => undefined, onLost: () => undefined };
const logger = createLogger({ service: "keeper", node: "test", level: process.env["TEST_LOG"] ?? "silent" });

let test: TestLog;
const keepers: Keeper[] = [];
const replicas: Replica[] = [];

async function newKeeper(settings: Partial<KeeperSettings> = {}): Promise<Keeper> {
  const { log, clock, partitions } = test;
  const node = settings.node ?? `keeper-${keepers.length}`;
  const keeper = await startKeeper({ log, clock, logger, config: { ...settings, node, partitions } });
  keepers.push(keeper);
  await until(() => keeper.readiness().ready);
  return keeper;
}

function newReplica(): Replica {
  const { log, clock, partitions } = test;
  const replica = createReplica({ log, clock, partitions, logger: new TestLogger() });
  replicas.push(replica);
  return replica;
}

async function watermark(partition: number): Promise<number> {
  const entries = await test.entries(TOPICS.index, partition);
  const last = entries.findLast((entry) => entryKeyText(entry) === WATERMARK_KEY);
  return last?.value ? Number(decodeWatermark(last.value).covered ?? 0) : -1;
}

async function indexEntry(key: string) {
  const entries = await test.entries(TOPICS.index, test.partitionOf(key));
  const last = entries.findLast((entry) => entryKeyText(entry) === key);
  return last?.value ? decodeIndexEntry(last.value) : undefined;
}

async function covered(key = KEY): Promise<void> {
  const partition = test.partitionOf(key);
  const { end } = await test.log.bounds(TOPICS.events, partition);
  await until(async () => {
    test.clock.advance(1_000);
    return (await watermark(partition)) >= end - 1;
  });
}

beforeEach(async () => {
  test = await TestLog.open(2);
});

afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  for (const keeper of keepers.splice(0)) await keeper.stop();
  await test.close();
});

describe("checkpoints", () => {
  it("cover a session within ten seconds, and a node that attaches then starts from its head", async () => {
    await newKeeper();
    const user = new SampleWriter("u", "ROLE_USER");
    await test.append(KEY, user.create());
    await test.append(KEY, user.say("hello"));
    await covered();
    expect(await indexEntry(KEY)).toMatchObject({ covered: "1", epoch: "0", seq: 4 });
    await test.append(KEY, user.say("after the head"));
    const held = await newReplica().attach(KEY, quiet);
    expect(held.state.seq).toBe(7);
    expect(canonicalText(held.state)).toBe(canonicalText(await test.foldAll(KEY)));
    expect(held.acceptedSince(0)).toBeUndefined();
    expect(held.acceptedSince(4)).toHaveLength(1);
  });

  it("are written once more when the keeper stops, so that the next one has nothing to fold", async () => {
    const keeper = await newKeeper();
    const user = new SampleWriter("u", "ROLE_USER");
    await test.append(KEY, user.create());
    const replica = newReplica();
    await replica.attach(KEY, quiet);
    await until(async () => (await test.log.bounds(TOPICS.events, test.partitionOf(KEY))).end === 1);
    await keeper.stop();
    expect(await watermark(test.partitionOf(KEY))).toBe(0);
  });

  it("set a session aside that cannot be folded, without holding up the others", async () => {
    await newKeeper();
    const user = new SampleWriter("u", "ROLE_USER");
    await test.append(KEY, user.create());
    await test.appendBytes(KEY, new Uint8Array([0xff, 0xff, 0xff]));
    const other = [..."abcdefgh"].map((id) => `acme/${id}`).find((key) => test.partitionOf(key) === test.partitionOf(KEY));
    await test.appendBytes(other ?? "", encodeRecord(new SampleWriter("o", "ROLE_USER").create()));
    await covered();
    expect(await indexEntry(KEY)).toMatchObject({ setAside: "1" });
    expect(await indexEntry(other ?? "")).toMatchObject({ covered: "2", seq: 1 });
    await expect(newReplica().attach(KEY, quiet)).rejects.toMatchObject({ code: "set_aside" });
  });
});
