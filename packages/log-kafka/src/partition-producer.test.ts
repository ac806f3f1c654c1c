import { LogError, logLimits } from "@perdure/log";
import type { Appended } from "@perdure/log";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { PartitionProducer } from "./partition-producer.ts";
import type { ProducerIdentity } from "./producer-identity.ts";

const FIRST: ProducerIdentity = { producerId: 1n, producerEpoch: 0 };
const SECOND: ProducerIdentity = { producerId: 2n, producerEpoch: 0 };
const OUT_OF_ORDER = 45;
const NOT_LEADER = 6;
const NOT_ENOUGH_REPLICAS = 19;
const TOO_LARGE = 10;
const NOT_AUTHORIZED = 29;

class Partition {
  readonly retired: ProducerIdentity[] = [];
  readonly settled: (Appended | string)[] = [];
  settledCount = 0;
  readonly producer = new PartitionProducer(
    { topic: "t", index: 3 },
    {
      limits: logLimits({ batchBytes: 20 }),
      deliveryTimeoutMs: 1_000,
      closing: new AbortController().signal,
      retire: (identity) => this.retired.push(identity),
      onSettled: (count) => (this.settledCount += count),
    },
  );

  offer(name: string): void {
    const entry = { key: new Uint8Array(), value: new TextEncoder().encode(name) };
    const resolve = (appended: Appended): void => void this.settled.push(appended);
    const reject = (error: unknown): void => void this.settled.push(error instanceof LogError ? error.code : "?");
    this.producer.queue.offer({ entry, lane: "l", sizeBytes: 10, handedInMs: Date.now(), resolve, reject });
  }

  take(identity = FIRST): { names: string[]; identity: ProducerIdentity; firstSequence: number } {
    const batch = this.producer.takeBatch(identity);
    const names = batch.items.map(({ entry }) => new TextDecoder().decode(entry.value ?? new Uint8Array()));
    return { names, identity: batch.identity, firstSequence: batch.firstSequence };
  }

  answer(code: number, baseOffset = 0): string {
    return this.producer.answer({ code, baseOffset }, Date.now());
  }
}

function partitionWith(...names: string[]): Partition {
  const partition = new Partition();
  for (const name of names) partition.offer(name);
  return partition;
}

describe("PartitionProducer", () => {
  test("numbers its batches without a gap, and tells each writer its offset", () => {
    const partition = partitionWith("a", "b", "c");
    expect(partition.take()).toMatchObject({ names: ["a", "b"], firstSequence: 0 });
    expect(partition.answer(0, 100)).toBe("next");
    expect(partition.take()).toMatchObject({ names: ["c"], firstSequence: 2 });
    partition.answer(0, 102);
    expect(partition.settled).toEqual([100, 101, 102].map((offset) => ({ partition: 3, offset })));
    expect(partition.settledCount).toBe(partition.settled.length);
    expect(partition.producer.queue.heldBytes).toBe(0);
  });

  test.each([
    ["no answer at all", undefined, "retry_elsewhere"],
    ["a leader that moved", NOT_LEADER, "retry_elsewhere"],
    ["too few replicas", NOT_ENOUGH_REPLICAS, "retry"],
  ])("sends the same batch under the same numbers again after %s", (_name, code, after) => {
    const partition = partitionWith("a", "b", "c");
    const sent = partition.take();
    const answer = code === undefined ? undefined : { code, baseOffset: -1 };
    expect(partition.producer.answer(answer, Date.now())).toBe(after);
    partition.offer("d");
    expect(partition.take(SECOND)).toEqual(sent);
    expect(partition.settled).toEqual([]);
  });

  test("goes on under a new identity, from zero, when the brokers have lost track", () => {
    const partition = partitionWith("a", "b", "c");
    partition.take();
    partition.answer(0);
    partition.take();
    expect(partition.answer(OUT_OF_ORDER)).toBe("retry");
    expect(partition.retired).toEqual([FIRST]);
    expect(partition.take(SECOND)).toEqual({ names: ["c"], identity: SECOND, firstSequence: 0 });
    partition.offer("d");
    partition.answer(0, 2);
    expect(partition.take(SECOND)).toMatchObject({ names: ["d"], firstSequence: 1 });
  });

  test("never numbers something new under an identity whose last batch was given up", () => {
    const partition = partitionWith("a", "b", "c");
    partition.take();
    expect(partition.producer.answer(undefined, Date.now() + 2_000)).toBe("next");
    expect(partition.settled).toEqual(["unavailable", "unavailable"]);
    expect(partition.settledCount).toBe(partition.settled.length);
    expect(partition.retired).toEqual([FIRST]);
    expect(partition.take(SECOND)).toEqual({ names: ["c"], identity: SECOND, firstSequence: 0 });
  });

  test("does not let what stood in line wait once more as long as what was given up before it", () => {
    vi.useFakeTimers({ now: 5_000 });
    onTestFinished(() => void vi.useRealTimers());
    const partition = partitionWith("a", "b", "c");
    partition.take();
    vi.setSystemTime(6_000);
    partition.producer.answer(undefined, Date.now());
    expect(partition.take(SECOND).names).toEqual(["c"]);
    expect(partition.producer.answer(undefined, Date.now())).toBe("next");
    expect(partition.settled).toEqual(["unavailable", "unavailable", "unavailable"]);
    expect(partition.settledCount).toBe(partition.settled.length);
  });

  test("gives up what waits when nothing could be sent for as long as an append may take", () => {
    const partition = partitionWith("a", "b", "c");
    partition.producer.stall(5_000);
    partition.producer.giveUpIfLate(5_999);
    expect(partition.settled).toEqual([]);
    partition.producer.stall(5_999);
    partition.producer.giveUpIfLate(6_000);
    expect(partition.settled).toEqual(["unavailable", "unavailable", "unavailable"]);
    expect(partition.settledCount).toBe(partition.settled.length);
    expect(partition.producer.hasWork).toBe(false);
  });

  test("counts the time without a way to send anew when something could be sent meanwhile", () => {
    const partition = partitionWith("a", "b", "c");
    partition.producer.stall(5_000);
    partition.take();
    partition.answer(0);
    partition.producer.stall(5_900);
    partition.producer.giveUpIfLate(6_100);
    expect(partition.take().names).toEqual(["c"]);
  });

  test("sends entries singly when a batch was too large, and refuses the one that is", () => {
    const partition = partitionWith("a", "b", "c");
    partition.take();
    partition.answer(TOO_LARGE);
    expect(partition.take()).toMatchObject({ names: ["a"], firstSequence: 0 });
    partition.answer(0, 7);
    expect(partition.take()).toMatchObject({ names: ["b"], firstSequence: 1 });
    partition.answer(TOO_LARGE);
    expect(partition.take()).toMatchObject({ names: ["c"], firstSequence: 1 });
    expect(partition.settled).toEqual([{ partition: 3, offset: 7 }, "too_large"]);
    expect(partition.settledCount).toBe(partition.settled.length);
  });

  test("refuses what the broker will not take, and goes on", () => {
    const partition = partitionWith("a", "b", "c");
    partition.take();
    expect(partition.answer(NOT_AUTHORIZED)).toBe("next");
    expect(partition.settled).toEqual(["unavailable", "unavailable"]);
    expect(partition.settledCount).toBe(partition.settled.length);
    expect(partition.take(SECOND)).toMatchObject({ names: ["c"], firstSequence: 0 });
  });
});
