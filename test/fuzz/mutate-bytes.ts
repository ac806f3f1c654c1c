// Valid protobuf made wrong in one place.
import type { Random } from "./random.ts";

/** The bytes with one place changed. `donor`: other valid bytes, of which a stretch may be put in. */
export function mutateBytes(random: Random, bytes: Uint8Array, donor: Uint8Array): Uint8Array {
  const place = random.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (random.below(8)) {
    case 0:
      return before;
    case 1:
      return after;
    case 2: {
      const start = random.below(donor.length);
      return concat(before, donor.subarray(start, start + random.below(200)), after);
    }
    case 3:
      // All fields twice: of a field that is there once, the last counts; lists grow; messages merge.
      return concat(bytes, bytes);
    case 4:
      return concat(before, odd(random), after);
    case 5:
      return concat(bytes, odd(random));
    case 6:
      return changedByte(bytes, random.below(bytes.length), random.below(256));
    default:
      return changedByte(bytes, random.below(bytes.length), (bytes[place] ?? 0) ^ (1 << random.below(8)));
  }
}

/** Fields that no schema has, lengths beyond the end, numbers too long, groups without end. */
function odd(random: Random): Uint8Array {
  switch (random.below(7)) {
    case 0:
      return Uint8Array.of(0xfa, 0x7f, 3, 1, 2, 3);
    case 1:
      return Uint8Array.of(0x52, 0xff, 0xff, 0xff, 0xff, 0x0f);
    case 2:
      return new Uint8Array(12).fill(0xff);
    case 3:
      return new Uint8Array(random.of([1, 200, 20_000])).fill(0x0b);
    case 4:
      return Uint8Array.of(0x0a, 2, 0xc3, 0x28);
    case 5:
      return Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01);
    default:
      return Uint8Array.from({ length: 1 + random.below(24) }, () => random.below(256));
  }
}

function changedByte(bytes: Uint8Array, place: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[place] = value;
  return copy;
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
