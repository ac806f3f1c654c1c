import * as fc from "fast-check";
import { Partitioners } from "kafkajs";
import { describe, expect, test } from "vitest";
import { murmur2, partitionOf } from "./partition.ts";

describe("murmur2", () => {
  // The vectors of Kafka's own test of it, org.apache.kafka.common.utils.UtilsTest.
  test.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("of %j is %i", (text, hash) => {
    expect(murmur2(new TextEncoder().encode(text))).toBe(hash);
  });
});

describe("partitionOf", () => {
  const ofKafkajs = Partitioners.DefaultPartitioner();
  const choose = (key: Uint8Array, partitions: number): number =>
    ofKafkajs({
      topic: "t",
      partitionMetadata: Array.from({ length: partitions }, (_unused, partitionId) => ({
        partitionId,
        partitionErrorCode: 0,
        leader: 1,
        replicas: [1],
        isr: [1],
      })),
      message: { key: Buffer.from(key), value: null },
    });

  test("chooses what kafkajs chooses, for any key and count", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.integer({ min: 1, max: 200 }), (key, partitions) => {
        // kafkajs spreads empty keys by itself.
        fc.pre(key.length > 0);
        expect(partitionOf(key, partitions)).toBe(choose(key, partitions));
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  test("takes a string as its UTF-8 bytes", () => {
    expect(partitionOf("acme/größe", 64)).toBe(partitionOf(new TextEncoder().encode("acme/größe"), 64));
  });

  test("does not depend on where in a buffer the key lies", () => {
    const whole = Buffer.from("xxacme/trip-42");
    expect(partitionOf(whole.subarray(2), 64)).toBe(partitionOf("acme/trip-42", 64));
  });

  test.each([0, -1, 1.5, Number.NaN])("refuses %s partitions", (partitions) => {
    expect(() => partitionOf("k", partitions)).toThrow(RangeError);
  });
});
