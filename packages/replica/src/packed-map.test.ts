import { array, assert, constant, nat, oneof, property, record, string, uint8Array } from "fast-check";
import { describe, expect, it } from "vitest";
import { PackedMap } from "./packed-map.ts";

const key = oneof(
  nat(40).map((number) => `acme/${number}`),
  string({ maxLength: 8, unit: nat(255).map((code) => String.fromCharCode(code)) }),
);
const value = uint8Array({ maxLength: 60 });
const change = oneof(
  { weight: 4, arbitrary: record({ key, value }) },
  { weight: 1, arbitrary: record({ key, value: constant(undefined) }) },
);

describe("a packed map", () => {
  it("holds what a Map holds, whatever is set, replaced and deleted", () => {
    assert(
      property(array(change, { maxLength: 400 }), (changes) => {
        const packed = new PackedMap();
        const map = new Map<string, Uint8Array>();
        for (const { key: name, value: bytes } of changes) {
          if (bytes === undefined) {
            packed.delete(name);
            map.delete(name);
          } else {
            packed.set(name, bytes);
            map.set(name, bytes);
          }
        }
        expect(packed.size).toBe(map.size);
        for (const [name, bytes] of map) expect([...(packed.get(name) ?? [])]).toEqual([...bytes]);
        for (let number = 0; number <= 40; number += 1) {
          const name = `acme/${number}`;
          expect(packed.get(name) === undefined).toBe(!map.has(name));
        }
      }),
    );
  });

  it("SPEC 11: stays small where entries grow again and again, and keeps the others", () => {
    const packed = new PackedMap();
    for (let number = 0; number < 2_000; number += 1) packed.set(`acme/still-${number}`, Buffer.from([number & 255]));
    for (let length = 1; length <= 2_000; length += 1) packed.set("acme/grows", new Uint8Array(length).fill(7));
    expect(packed.heldBytes).toBeLessThan(400_000);
    expect(packed.get("acme/grows")).toEqual(Buffer.alloc(2_000, 7));
    for (let number = 0; number < 2_000; number += 1) {
      expect(packed.get(`acme/still-${number}`)).toEqual(Buffer.from([number & 255]));
    }
  });

  it("SPEC 11: a hundred thousand sessions take less than 10 MB", () => {
    const packed = new PackedMap();
    const entry = new Uint8Array(24);
    for (let number = 0; number < 100_000; number += 1) {
      packed.set(`acme/01234567-89ab-cdef-0123-${String(number).padStart(12, "0")}`, entry);
    }
    expect(packed.size).toBe(100_000);
    expect(packed.heldBytes).toBeLessThan(10_000_000);
  });

  it("takes an entry that is larger than a chunk, and goes on behind it", () => {
    const packed = new PackedMap();
    packed.set("before", Buffer.from([1]));
    packed.set("large", Buffer.alloc(100_000, 2));
    packed.set("after", Buffer.from([3]));
    expect(packed.get("before")).toEqual(Buffer.from([1]));
    expect(packed.get("large")).toEqual(Buffer.alloc(100_000, 2));
    expect(packed.get("after")).toEqual(Buffer.from([3]));
  });
});
