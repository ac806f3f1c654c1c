import { type Accepted, PerdureError } from "@perdure/core";
import { type Bounds, LogError } from "@perdure/log";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Replica, SessionListener } from "./api.ts";
import { createReplica } from "./log-replica.ts";
import type { ReplicaLimits } from "./options.ts";
import { alteredLog, canonicalText, SampleWriter, TestLog, TestLogger } from "./testing/index.ts";

const KEY = "acme/one";

class Recorder implements SessionListener {
  readonly accepted: Accepted[] = [];
  readonly lost: string[] = [];

  onAccepted(accepted: Accepted): void {
    this.accepted.push(accepted);
  }

  onLost(code: string): void {
    this.lost.push(code);
  }

  get seqs(): number[] {
    return this.accepted.map(({ seq }) => seq);
  }
}

let test: TestLog;
let logger: TestLogger;
const replicas: Replica[] = [];

function newReplica(limits: Partial<ReplicaLimits> = {}): Replica {
  const { log, clock, partitions } = test;
  const replica = createReplica({ log, clock, partitions, logger, limits });
  replicas.push(replica);
  return replica;
}

beforeEach(async () => {
  test = await TestLog.open(2);
  logger = new TestLogger();
});

afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica.close();
  await test.close();
});

describe("attach", () => {
  it("gives a name without a life an empty state", async () => {
    const held = await newReplica().attach(KEY, new Recorder());
    expect(held.state.epoch).toBeUndefined();
    expect(held.state.seq).toBe(0);
    expect(held.acceptedSince(0)).toEqual([]);
  });

  it("sees everything that was acknowledged before, by whomever", async () => {
    const user = new SampleWriter("u", "ROLE_USER");
    await test.append(KEY, user.create());
    for (let count = 0; count < 50; count += 1) await test.append(KEY, user.say(`message ${count}`));
    const held = await newReplica().attach(KEY, new Recorder());
    expect(held.state.seq).toBe(151);
    expect(canonicalText(held.state)).toBe(canonicalText(await test.foldAll(KEY)));
  });

  it("tells what follows in order, to all holders of one shared fold", async () => {
    const replica = newReplica();
    const [one, two] = [new Recorder(), new Recorder()];
    const first = await replica.attach(KEY, one);
    const second = await replica.attach(KEY, two);
    expect(second.state).toBe(first.state);
    const user = new SampleWriter("u", "ROLE_USER");
    await first.publish(user.create()).applied;
    first.detach();
    await second.publish(user.say("hello")).applied;
    expect(one.seqs).toEqual([1]);
    expect(two.seqs).toEqual([1, 2]);
  });
});

describe("publish", () => {
  it("tells when a record is in the log, and then what became of it", async () => {
    const held = await newReplica().attach(KEY, new Recorder());
    const user = new SampleWriter("u", "ROLE_USER");
    const { stored, applied } = held.publish(user.create());
    await expect(stored).resolves.toEqual({ partition: test.partitionOf(KEY), offset: 0 });
    await expect(applied).resolves.toEqual({ kind: "accepted", first: 1, seq: 1 });
    const record = user.say("once");
    await expect(held.publish(record).applied).resolves.toMatchObject({ kind: "accepted", first: 2, seq: 4 });
    await expect(held.publish(record).applied).resolves.toEqual({ kind: "duplicate", seq: 4 });
    const gap = { ...user.say("gap"), first: 9, last: 9 };
    await expect(held.publish(gap).applied).resolves.toMatchObject({ code: "producer_gap", expected: 3 });
  });

  it("rejects what cannot be a record, without losing the session", async () => {
    const held = await newReplica().attach(KEY, new Recorder());
    const user = new SampleWriter("u", "ROLE_USER");
    const bad = { ...user.create(), first: -1 };
    await expect(held.publish(bad).stored).rejects.toMatchObject({ code: "malformed" });
    await expect(held.publish({ ...user.create(), first: 1, last: 1 }).applied).resolves.toMatchObject({ seq: 1 });
  });
});

describe("acceptedSince", () => {
  it("has what a reader lacks, also on a node that has just opened the session", async () => {
    const user = new SampleWriter("u", "ROLE_USER");
    await test.append(KEY, user.create());
    for (let count = 0; count < 5; count += 1) await test.append(KEY, user.say(`message ${count}`));
    const held = await newReplica().attach(KEY, new Recorder());
    expect(held.acceptedSince(10)?.map(({ seq }) => seq)).toEqual([11, 14]);
    expect(held.acceptedSince(16)).toEqual([]);
    expect(held.acceptedSince(11)).toBeUndefined();
  });
});

describe("readPage", () => {
  it("is unavailable, with a time to come back, where the log does not answer", async () => {
    const { clock, partitions, log } = test;
    let away = false;
    const failing = alteredLog(log, {
      bounds: (...call) =>
        away ? Promise.reject<Bounds>(new LogError("unavailable", "no broker")) : log.bounds(...call),
    });
    const replica = createReplica({ log: failing, clock, partitions, logger });
    replicas.push(replica);
    await replica.attach(KEY, new Recorder());
    away = true;
    const reading = replica.readPage(KEY, 0, 0);
    await expect(reading).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 500 });
    await expect(reading).rejects.toBeInstanceOf(PerdureError);
  });
});
