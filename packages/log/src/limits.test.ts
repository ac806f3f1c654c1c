import { describe, expect, test } from "vitest";
import { checkedSizeBytes, entrySizeBytes, logLimits } from "./limits.ts";

const key = new Uint8Array(10);

describe("logLimits", () => {
  test("fills in what is not said", () => {
    expect(logLimits({ retryAfterMs: 5 })).toMatchObject({ retryAfterMs: 5, batchBytes: 1_048_576 });
  });

  test.each([
    [{ entryBytes: 100, laneQueueBytes: 99 }],
    [{ laneQueueBytes: 20_000_000, partitionQueueBytes: 19_000_000 }],
    [{ batchBytes: 0 }],
    [{ retryAfterMs: Number.NaN }],
  ])("refuses %j", (limits) => {
    expect(() => logLimits(limits)).toThrow(RangeError);
  });
});

describe("the size of an entry", () => {
  test("counts key, value and headers", () => {
    const plain = entrySizeBytes({ key, value: new Uint8Array(100) });
    expect(plain).toBeGreaterThan(110);
    const headers = [{ name: "ü", value: new Uint8Array(50) }];
    expect(entrySizeBytes({ key, value: new Uint8Array(100), headers })).toBeGreaterThan(plain + 50);
    expect(entrySizeBytes({ key, value: null })).toBe(plain - 100);
  });

  test("over the limit is too_large", () => {
    const limits = logLimits({ entryBytes: 200 });
    expect(() => checkedSizeBytes({ key, value: new Uint8Array(200) }, limits)).toThrow(
      /has 274 bytes, more than the 200/,
    );
    expect(checkedSizeBytes({ key, value: null }, limits)).toBe(74);
  });
});
