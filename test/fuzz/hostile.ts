// What strangers, broken clients and later versions put where something else should be.
import type { Random } from "./random.ts";

/** Lengths that the schema limits texts to. */
const LIMITS = [16, 64, 128, 256, 512, 1_024, 2_048, 4_096, 16_384, 65_536] as const;
/** JSON.stringify itself goes no deeper than some thousands. */
const DEPTHS = [3, 20, 65, 500, 3_000] as const;

const TEXTS = [
  "",
  "0",
  "-1",
  "1e99",
  "9007199254740993",
  "18446744073709551616",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "toString",
  "\ud83d",
  "\ude00\ud83d",
  "\u0000",
  "\uffff",
  "a/b",
  "../..",
  "ann:1:0",
  "ann:1:",
  ":::",
  "ann:4294967296:0",
  "[[[[",
  '{"a":',
  '[{"op":"add","path":"/__proto__/x","value":1}]',
  '[{"op":"copy","from":"","path":"/a"}]',
  "null",
  "ROLE_SYSTEM",
  "AUDIENCE_AGENTS",
] as const;

const NUMBERS = [0, 1, 2, -1, -0, 63, 64, 65, 1_024, 65_536, 1.5, 1e21, 1e300] as const;
const BOUNDS = [31, 32, 52, 53, 63, 64] as const;

export function hostileText(random: Random): string {
  if (random.once(40)) return deepPatch(random.of(DEPTHS));
  if (random.once(2)) return "x".repeat(random.of(LIMITS) + random.below(3) - 1);
  if (random.once(12)) return "é".repeat(random.of(LIMITS));
  return random.of(TEXTS);
}

export function hostileNumber(random: Random): number {
  return random.once(3) ? 2 ** random.of(BOUNDS) + random.below(3) - 1 : random.of(NUMBERS);
}

/** A JSON Patch that brings something deep. */
const deepPatch = (depth: number): string =>
  `[{"op":"add","path":"","value":${"[".repeat(depth)}${"]".repeat(depth)}}]`;

/** A value of any type, now and then very deep. */
export function hostileValue(random: Random): unknown {
  switch (random.below(8)) {
    case 0:
      return null;
    case 1:
      return random.once(2);
    case 2:
      return deep(random.of(DEPTHS), random.once(2));
    case 3:
      return {};
    case 4:
      return Array.from({ length: random.of([0, 1, 2, 65, 300]) }, () => hostileText(random));
    case 5:
      return { [hostileText(random)]: hostileText(random) };
    case 6:
      return hostileNumber(random);
    default:
      return hostileText(random);
  }
}

function deep(depth: number, asLists: boolean): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = asLists ? [value] : { a: value };
  return value;
}

/** An object with one more own field, whatever its name. */
export function withField(object: object, name: string, value: unknown): object {
  const copy = { ...object };
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}
