import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PackedValues } from "./packed-values.ts";
import { type RawRecord, Ring } from "./ring.ts";

const bytes = (count: number): Uint8Array => new Uint8Array(count);
const roomy = { ringBytes: 1_000_000, ringRecords: 1_000 };

function filled(limits = roomy, count = 10): Ring {
  const ring = new Ring(0, limits);
  for (let offset = 0; offset < count; offset += 1) {
    ring.push(offset % 2 === 0 ? "t/even" : "t/odd", { offset, timeMs: 1, value: bytes(10) });
  }
  return ring;
}

const offsets = (ring: Ring, key: string, after = -1): number[] => ring.after(key, after).map(({ offset }) => offset);

describe("Ring", () => {
  it("gives a session's records behind an offset, oldest first", () => {
    const ring = filled();
    expect(offsets(ring, "t/even")).toEqual([0, 2, 4, 6, 8]);
    expect(offsets(ring, "t/even", 4)).toEqual([6, 8]);
    expect(offsets(ring, "t/even", 5)).toEqual([6, 8]);
    expect(offsets(ring, "t/nobody")).toEqual([]);
  });

  it("lets go of what is covered, and says where it starts", () => {
    const ring = filled();
    ring.trim(5);
    expect(ring.start).toBe(6);
    expect(offsets(ring, "t/even")).toEqual([6, 8]);
    expect(offsets(ring, "t/odd")).toEqual([7, 9]);
    expect(ring.size).toBe(4);
    expect(ring.heldBytes).toBe(40);
  });

  it("can be trimmed past its end, and takes nothing below that any more", () => {
    const ring = filled();
    ring.trim(20);
    ring.push("t/odd", { offset: 11, timeMs: 1, value: bytes(10) });
    ring.push("t/odd", { offset: 21, timeMs: 1, value: bytes(10) });
    expect(ring.start).toBe(21);
    expect(offsets(ring, "t/odd")).toEqual([21]);
  });

  it("past its byte cap keeps the offsets of the oldest, and the bytes of the latest", () => {
    const ring = filled({ ringBytes: 35, ringRecords: 1_000 });
    expect(ring.start).toBe(0);
    expect(ring.heldBytes).toBe(30);
    expect(ring.after("t/odd", -1).map(({ offset, value }) => [offset, value?.length])).toEqual([
      [1, undefined],
      [3, undefined],
      [5, undefined],
      [7, 10],
      [9, 10],
    ]);
    ring.trim(7);
    expect(ring.heldBytes).toBe(20);
    ring.push("t/odd", { offset: 10, timeMs: 1, value: bytes(20) });
    expect(ring.heldBytes).toBe(30);
    expect(ring.after("t/even", 7).map(({ value }) => value)).toEqual([undefined]);
  });

  it("past its record cap starts later", () => {
    const ring = filled({ ringBytes: 1_000, ringRecords: 10 }, 11);
    expect(ring.start).toBe(1);
    expect(ring.size).toBe(10);
    expect(offsets(ring, "t/even")).toEqual([2, 4, 6, 8, 10]);
  });

  it("has what a plain list of records would have, whatever comes and goes", () => {
    fc.assert(
      fc.property(caps, fc.array(step, { maxLength: 300 }), (limits, steps) => {
        const ring = new Ring(0, limits);
        let kept: Kept[] = [];
        let offset = 0;
        for (const { session, size, gap, covered } of steps) {
          offset += gap;
          const record = { offset, timeMs: offset + 0.5, value: new Uint8Array(size).fill(offset) };
          ring.push(`t/${session}`, record);
          kept = held([...kept, { ...record, session }], limits);
          if (covered > 0) {
            ring.trim(offset - covered);
            kept = kept.filter((each) => each.offset > offset - covered);
          }
          expect(ring.size).toBe(kept.length);
          expect(ring.heldBytes).toBe(sum(kept));
        }
        for (const session of sessions) {
          const its = kept.filter((each) => each.session === session);
          const expected = its.map(({ offset: at, timeMs, value }) => [at, timeMs, value && [...value]]);
          const found = ring
            .after(`t/${session}`, -1)
            .map(({ offset: at, timeMs, value }) => [at, timeMs, value && [...value]]);
          expect(found).toEqual(expected);
          const middle = its[Math.floor(its.length / 2)]?.offset ?? 0;
          expect(offsets(ring, `t/${session}`, middle)).toEqual(
            its.filter((each) => each.offset > middle).map((each) => each.offset),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("takes little more than its records, and nothing when it is empty", () => {
    const values = new PackedValues(4 * 1024);
    const places = Array.from({ length: 10_000 }, () => values.append(bytes(150)));
    expect(values.heldBytes).toBeLessThan(10_000 * 150 * 1.1);
    values.dropBefore(places[9_000] ?? 0);
    expect(values.heldBytes).toBeLessThan(1_000 * 150 + 2 * 65_536);
    values.dropBefore(Number.POSITIVE_INFINITY);
    expect(values.heldBytes).toBe(0);
    expect(values.at(values.append(Uint8Array.of(7)), 1)).toEqual(Buffer.of(7));
  });
});

const sessions = [0, 1, 2, 3, 4];
const caps = fc.record({
  ringBytes: fc.integer({ min: 50, max: 3_000 }),
  ringRecords: fc.integer({ min: 10, max: 200 }),
});
const step = fc.record({
  session: fc.constantFrom(...sessions),
  size: fc.integer({ min: 0, max: 40 }),
  gap: fc.integer({ min: 1, max: 3 }),
  covered: fc.oneof(
    { weight: 9, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }) },
  ),
});

interface Kept extends Omit<RawRecord, "value"> {
  readonly session: number;
  readonly value: Uint8Array | undefined;
}

const sum = (records: readonly Kept[]): number =>
  records.reduce((bytesOf, { value }) => bytesOf + (value?.length ?? 0), 0);

/** The same caps as the ring's, on a list. */
function held(
  records: readonly Kept[],
  { ringBytes, ringRecords }: { ringBytes: number; ringRecords: number },
): Kept[] {
  const capped = [...records];
  for (let oldest = 0; sum(capped) > ringBytes; oldest += 1) {
    const record = capped[oldest];
    if (record !== undefined) capped[oldest] = { ...record, value: undefined };
  }
  return capped.length > ringRecords ? capped.slice(Math.ceil(ringRecords / 10)) : capped;
}
