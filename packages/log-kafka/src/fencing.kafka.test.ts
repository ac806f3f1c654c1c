import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { leaveGroupV5 } from "@platformatic/kafka";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CheckpointScope, Ownership } from "@perdure/log";
import { Cluster } from "./cluster.ts";
import { kafkaSettings } from "./config.ts";
import { Membership } from "./membership.ts";
import { provisionTopics } from "./provision.ts";
import { Reader } from "./reader.ts";
import { TransactionCalls } from "./transaction-calls.ts";
import { Transactor } from "./transactor.ts";

// Below the log's own check of an ownership: what Kafka itself refuses, to a member that has not heard yet.

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const SETTINGS = kafkaSettings({
  brokers,
  topicPrefix: `fencing-${Date.now()}.`,
  replication: { factor: 1, minInSync: 1 },
  group: { heartbeatMs: 100 },
});
const TOPIC = `${SETTINGS.topicPrefix}events`;
const HEADS = `${SETTINGS.topicPrefix}heads`;
const KEEPER = join(import.meta.dirname, "../test/keeper-until-killed.ts");
let cluster: Cluster;
let reader: Reader;
let groupId: string;

beforeAll(async () => {
  cluster = new Cluster(SETTINGS);
  reader = new Reader(cluster);
  await provisionTopics(cluster, [
    { name: "events", partitions: 2, cleanup: "none" },
    { name: "heads", partitions: 2, cleanup: "compact" },
  ]);
});

afterAll(() => cluster.close());

beforeEach(() => {
  groupId = `${SETTINGS.topicPrefix}keepers-${randomUUID()}`;
});

class Member {
  readonly membership: Membership;
  owned: readonly Ownership[] = [];
  revoked: number[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(through = cluster) {
    const onAssigned = (owned: readonly Ownership[]): void => {
      this.owned = owned;
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    const onRevoked = (lost: readonly number[]): void => void this.revoked.push(...lost);
    const place = { groupId, topic: TOPIC, access: access() };
    this.membership = new Membership(through, place, { onAssigned, onRevoked }, () => undefined);
  }

  async owns(count: number): Promise<Member> {
    while (this.owned.length !== count) await this.#changed.promise;
    return this;
  }

  async ownsUnder(isSo: (ownership: Ownership) => boolean, count: number): Promise<void> {
    while (this.owned.length !== count || !this.owned.every(isSo)) await this.#changed.promise;
  }

  of(partition: number): Ownership {
    const ownership = this.owned.find((each) => each.partition === partition);
    if (ownership === undefined) throw new Error(`partition ${partition} is not owned`);
    return ownership;
  }
}

function access(): {
  pool: ReturnType<Cluster["newPool"]>;
  askBounds: (topic: string, partition: number) => ReturnType<Reader["bounds"]>;
} {
  return { pool: cluster.newPool(), askBounds: (topic, partition) => reader.bounds(topic, partition, "committed") };
}

function transactor(partition: number): Transactor {
  return new Transactor(cluster, access(), { groupId, topic: TOPIC, partition });
}

/** Has the group let a member go, as an operator may. */
async function leaveFor(memberId: string): Promise<void> {
  const nodeId = await cluster.coordinator("group", groupId);
  await leaveGroupV5.api.async(await cluster.control(nodeId), groupId, [{ memberId, reason: null }]);
}

/** Runs a checkpoint as a member would that believes everything it was ever told. */
async function checkpoint(by: Transactor, ownership: Ownership, meanwhile?: () => Promise<void>): Promise<unknown> {
  const write = async (scope: CheckpointScope): Promise<void> => {
    await scope.append("heads", { key: new TextEncoder().encode(groupId), value: new Uint8Array(3) });
    await meanwhile?.();
  };
  return by
    .run(ownership, () => true, write, 0)
    .then(
      () => "committed",
      (error: unknown) => error,
    );
}

async function headCount(partition: number): Promise<number> {
  const entries = await reader.read(HEADS, partition, 0, 1_000_000, "committed");
  return entries.filter(({ key }) => new TextDecoder().decode(key) === groupId).length;
}

describe("a generation that is over", () => {
  test("is refused by Kafka, also for a partition that was kept", async () => {
    const first = new Member();
    await first.membership.begin();
    await first.owns(2);
    const before = [first.of(0), first.of(1)];
    const second = new Member();
    await second.membership.begin();
    await Promise.all([first.owns(1), second.owns(1)]);
    for (const stale of before) {
      expect(await checkpoint(transactor(stale.partition), stale)).toMatchObject({ code: "fenced" });
      expect(await headCount(stale.partition)).toBe(0);
    }
    await Promise.all([first.membership.close(), second.membership.close()]);
  });

  test("is needed: under its live generation a member commits for a partition that it has just lost", async () => {
    const first = new Member();
    await first.membership.begin();
    await first.owns(2);
    const second = new Member();
    await second.membership.begin();
    await Promise.all([first.owns(1), second.owns(1)]);
    const { generation, member } = first.owned[0] ?? first.of(0);
    const lost = second.owned[0]?.partition ?? -1;
    const calls = new TransactionCalls(cluster, `hole-${groupId}`);
    const identity = await calls.begin(10_000);
    const covered = { groupId, topic: TOPIC, partition: lost, member, generation, offset: 1 };
    await expect(calls.commitGroupOffset(identity, covered)).resolves.toBeUndefined();
    await calls.end(identity, false);
    await Promise.all([first.membership.close(), second.membership.close()]);
  });

  test("is refused for a member that nobody knows", async () => {
    const ghost = { partition: 0, member: "nobody", generation: 1 };
    expect(await checkpoint(transactor(0), ghost)).toMatchObject({ code: "fenced" });
  });
});

describe("whoever gains a partition", () => {
  test("that he had before hears that it was lost where others may have had it meanwhile", async () => {
    const unhurried = new Cluster({ ...SETTINGS, group: { ...SETTINGS.group, heartbeatMs: 5_000 } });
    await unhurried.refresh();
    const first = new Member(unhurried);
    await first.membership.begin();
    await first.owns(2);
    const before = first.of(0);
    // The group lets him go, which he learns from his next heartbeat only, and all of it is somebody else's for a while.
    await leaveFor(before.member);
    const second = new Member();
    await second.membership.begin();
    await second.owns(2);
    const between = transactor(0);
    const outcome = checkpoint(between, second.of(0), async () => {
      await second.membership.close();
      await first.ownsUnder((ownership) => ownership.member !== before.member, 2);
    });
    expect(await outcome).toMatchObject({ name: "LogError" });
    expect(new Set(first.revoked)).toEqual(new Set([0, 1]));
    expect(await headCount(0)).toBe(0);
    expect(await checkpoint(first.membership.transactor(0), first.of(0))).toBe("committed");
    await first.membership.close();
    await unhurried.close();
  });

  test("shuts out its earlier owner in the middle of a checkpoint, and rolls that back", async () => {
    const first = new Member();
    await first.membership.begin();
    await first.owns(2);
    const outcome = await checkpoint(transactor(0), first.of(0), () => transactor(0).claim());
    expect(outcome).toMatchObject({ code: "unavailable" });
    expect(await headCount(0)).toBe(0);
    expect((await reader.bounds(HEADS, 0, "committed")).end).toBe((await reader.bounds(HEADS, 0, "uncommitted")).end);
    await first.membership.close();
  });

  test("gets on with it when its earlier owner was killed in the middle of a checkpoint", async () => {
    const { topicPrefix } = SETTINGS;
    const group = groupId.slice(topicPrefix.length);
    const keeper = spawn(process.execPath, [KEEPER, brokers.join(","), topicPrefix, group], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(createInterface(keeper.stdout), "line");
    keeper.kill("SIGKILL");
    const heir = new Member();
    await heir.membership.begin();
    await heir.owns(2);
    expect((await reader.bounds(HEADS, 0, "committed")).end).toBe((await reader.bounds(HEADS, 0, "uncommitted")).end);
    expect(await headCount(0)).toBe(0);
    expect(await checkpoint(heir.membership.transactor(0), heir.of(0))).toBe("committed");
    expect(await headCount(0)).toBe(1);
    await heir.membership.close();
  });

  test("needs only claim it again where a late predecessor took it from him", async () => {
    const member = new Member();
    await member.membership.begin();
    await member.owns(2);
    const mine = transactor(0);
    expect(await checkpoint(mine, member.of(0))).toBe("committed");
    await transactor(0).claim();
    expect(await checkpoint(mine, member.of(0))).toMatchObject({ code: "unavailable" });
    expect(await checkpoint(mine, member.of(0))).toBe("committed");
    expect(await headCount(0)).toBe(2);
    await member.membership.close();
  });
});
