import type { fetchV13, RecordsBatch } from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import { fetchedEntries } from "./fetched-entries.ts";

const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

function record(offsetDelta: number, value: string): RecordsBatch["records"][number] {
  return {
    length: 0,
    attributes: 0,
    timestampDelta: BigInt(offsetDelta),
    offsetDelta,
    key: Buffer.from("k"),
    value: Buffer.from(value),
    headers: [],
  };
}

function batch(firstOffset: number, values: readonly string[], more: Partial<RecordsBatch> = {}): RecordsBatch {
  return {
    firstOffset: BigInt(firstOffset),
    length: 0,
    partitionLeaderEpoch: 0,
    magic: 2,
    crc: 0,
    attributes: 0,
    lastOffsetDelta: values.length - 1,
    firstTimestamp: 1_000n,
    maxTimestamp: 9_000n,
    producerId: -1n,
    producerEpoch: -1,
    firstSequence: -1,
    records: values.map((value, at) => record(at, value)),
    ...more,
  };
}

/** An end marker of a producer's transaction: kind 0 rolls back, kind 1 commits. */
function marker(offset: number, producerId: bigint, kind: 0 | 1): RecordsBatch {
  const key = Buffer.from([0, 0, 0, kind]);
  return batch(offset, [""], { producerId, attributes: TRANSACTIONAL | CONTROL, records: [{ ...record(0, ""), key }] });
}

function answer(
  records: RecordsBatch[],
  abortedTransactions: fetchV13.FetchResponsePartition["abortedTransactions"] = null,
): fetchV13.FetchResponsePartition {
  return {
    partitionIndex: 0,
    errorCode: 0,
    highWatermark: 100n,
    lastStableOffset: 100n,
    logStartOffset: 0n,
    abortedTransactions,
    preferredReadReplica: -1,
    records,
  };
}

function read(partition: fetchV13.FetchResponsePartition, position = 0): { offsets: number[]; nextOffset: number } {
  const { entries, nextOffset } = fetchedEntries(partition, position);
  return { offsets: entries.map(({ offset }) => offset), nextOffset };
}

describe("fetchedEntries", () => {
  test("begins at the position, also within a batch", () => {
    expect(read(answer([batch(5, ["a", "b", "c"]), batch(8, ["d"])]), 6)).toEqual({
      offsets: [6, 7, 8],
      nextOffset: 9,
    });
  });

  test("goes on behind the batch, also where its last entries were compacted away", () => {
    const compacted = batch(5, ["a"], { lastOffsetDelta: 4 });
    expect(read(answer([compacted]))).toEqual({ offsets: [5], nextOffset: 10 });
    expect(read(answer([batch(5, [], { lastOffsetDelta: 4 })]), 7)).toEqual({ offsets: [], nextOffset: 10 });
  });

  test("stays where it is when nothing came", () => {
    expect(read(answer([]), 7)).toEqual({ offsets: [], nextOffset: 7 });
  });

  test("takes the log's append time where the batch has it, else the record's", () => {
    const times = (attributes: number): number[] =>
      fetchedEntries(answer([batch(0, ["a", "b"], { attributes })]), 0).entries.map(({ timeMs }) => timeMs);
    expect(times(LOG_APPEND_TIME)).toEqual([9_000, 9_000]);
    expect(times(0)).toEqual([1_000, 1_001]);
  });

  test("leaves out what was rolled back, up to its marker, and no other producer's", () => {
    const by = (producerId: bigint): Partial<RecordsBatch> => ({ producerId, attributes: TRANSACTIONAL });
    const records = [
      batch(0, ["rolled back"], by(1n)),
      batch(1, ["committed"], by(2n)),
      batch(2, ["plain"]),
      batch(3, ["rolled back too"], by(1n)),
      marker(4, 1n, 0),
      batch(5, ["committed later"], by(1n)),
      marker(6, 1n, 1),
      marker(7, 2n, 1),
    ];
    expect(read(answer(records, [{ producerId: 1n, firstOffset: 0n }]))).toEqual({ offsets: [1, 2, 5], nextOffset: 8 });
  });

  test("knows a transaction that was rolled back in two parts of one response", () => {
    const by = { producerId: 1n, attributes: TRANSACTIONAL };
    const records = [batch(0, ["x"], by), marker(1, 1n, 0), batch(2, ["y"], by), marker(3, 1n, 0)];
    const aborted = [2n, 0n].map((firstOffset) => ({ producerId: 1n, firstOffset }));
    expect(read(answer(records, aborted))).toEqual({ offsets: [], nextOffset: 4 });
  });

  test("keeps headers, and a missing key or value apart from an empty one", () => {
    const odd = {
      ...record(0, ""),
      key: null,
      value: null,
      headers: [[Buffer.from("h"), null]] satisfies [Buffer, null][],
    };
    const [entry] = fetchedEntries(answer([batch(0, [], { lastOffsetDelta: 0, records: [odd] })]), 0).entries;
    expect(entry).toMatchObject({
      key: Buffer.alloc(0),
      value: null,
      headers: [{ name: "h", value: Buffer.alloc(0) }],
    });
  });
});
