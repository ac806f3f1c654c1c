import { readRecordsBatch, Reader } from "@platformatic/kafka";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBatch } from "./record-batch.ts";

const head = {
  identity: { producerId: 4_611_686_018_427_387_905n, producerEpoch: 31_000 },
  firstSequence: 2_147_483_647,
  isTransactional: false,
  timestampMs: 1_795_435_058_780,
};
const content = fc.uint8Array({ maxLength: 200 });
const entries = fc.array(
  fc.record({
    key: content,
    value: fc.option(content, { nil: null }),
    headers: fc.array(fc.record({ name: fc.string({ unit: "grapheme", maxLength: 9 }), value: content }), {
      maxLength: 3,
    }),
  }),
  { minLength: 1, maxLength: 70 },
);

function copied(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes);
}

describe("encodeBatch", () => {
  test("is what the client's own decoder reads", () => {
    fc.assert(
      fc.property(entries, (written) => {
        const batch = readRecordsBatch(Reader.from(encodeBatch(head, written)));
        const read = batch.records.map(({ key, value, headers, offsetDelta, timestampDelta }) => ({
          key: copied(key),
          value: copied(value),
          headers: headers.map(([name, each]) => ({ name: name?.toString(), value: copied(each) })),
          offsetDelta,
          timestampDelta,
        }));
        expect(read).toEqual(written.map((entry, offsetDelta) => ({ ...entry, offsetDelta, timestampDelta: 0n })));
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  test("says who sent it, and under which number", () => {
    const key = new Uint8Array([1]);
    const bytes = encodeBatch({ ...head, isTransactional: true }, [
      { key, value: null },
      { key, value: key },
    ]);
    expect(readRecordsBatch(Reader.from(bytes))).toMatchObject({
      firstOffset: 0n,
      length: bytes.length - 12,
      magic: 2,
      attributes: 16,
      lastOffsetDelta: 1,
      firstTimestamp: 1_795_435_058_780n,
      maxTimestamp: 1_795_435_058_780n,
      ...head.identity,
      firstSequence: 2_147_483_647,
    });
  });

  test("takes an entry of megabytes", () => {
    const value = new Uint8Array(5_000_000).fill(7);
    const [record] = readRecordsBatch(Reader.from(encodeBatch(head, [{ key: value.subarray(0, 9), value }]))).records;
    expect(record?.value?.length).toBe(5_000_000);
  });
});
