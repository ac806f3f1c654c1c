import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";

const content = fc.uint8Array({ maxLength: 300 });

test("what is stored reads back the same, byte for byte", () => {
  const entries = fc.record({
    key: content,
    value: fc.option(content, { nil: null }),
    headers: fc.array(fc.record({ name: fc.string({ unit: "grapheme", maxLength: 20 }), value: content }), {
      maxLength: 4,
    }),
  });
  fc.assert(
    fc.property(
      entries,
      fc.integer({ min: 0, max: 4e12 }),
      fc.integer({ min: 0, max: 2 ** 47 }),
      (entry, timeMs, offset) => {
        const read = decodeEntry(encodeEntry(entry, timeMs), offset);
        expect([read.offset, read.timeMs]).toEqual([offset, timeMs]);
        expect(Uint8Array.from(read.key)).toEqual(entry.key);
        expect(read.value === null ? null : Uint8Array.from(read.value)).toEqual(entry.value);
        expect((read.headers ?? []).map(({ name, value }) => ({ name, value: Uint8Array.from(value) }))).toEqual(
          entry.headers,
        );
      },
    ),
    { seed: 3, numRuns: 300 },
  );
});
