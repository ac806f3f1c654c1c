import { describe, expect, it } from "vitest";
import { Ring } from "./ring.ts";

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
});
