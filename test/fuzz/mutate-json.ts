// Valid JSON made wrong in one place: near enough to be read, far enough to hurt.
import { hostileNumber, hostileText, hostileValue, withField } from "./hostile.ts";
import type { Random } from "./random.ts";

const FIELDS = ["__proto__", "constructor", "toString", "unknown", "kind", "t", "takeover", "x".repeat(5_000)] as const;

/** The value with one place changed. `donors`: other valid values, of which parts may be put in. */
export function mutateJson(random: Random, value: unknown, donors: readonly unknown[]): unknown {
  if (isList(value) && value.length > 0 && !random.once(4)) {
    const place = random.below(value.length);
    return value.map((item, index) => (index === place ? mutateJson(random, item, donors) : item));
  }
  if (isObject(value) && !random.once(5)) {
    const keys = Object.keys(value);
    const key = random.of(keys);
    if (key !== undefined) return withField(value, key, mutateJson(random, value[key], donors));
  }
  return changed(random, value, donors);
}

function changed(random: Random, value: unknown, donors: readonly unknown[]): unknown {
  if (random.once(6)) return partOf(random, random.of(donors));
  if (random.once(12)) return hostileValue(random);
  if (typeof value === "string") return changedText(random, value);
  if (typeof value === "number") return random.once(2) ? value + random.below(5) - 2 : hostileNumber(random);
  if (isList(value)) return changedList(random, value);
  if (isObject(value)) return changedObject(random, value, donors);
  return hostileValue(random);
}

function changedText(random: Random, text: string): string {
  switch (random.below(7)) {
    case 0:
      return text.slice(0, random.below(text.length + 1));
    case 1:
      return text + hostileText(random);
    case 2:
      return text.replace(/\d+/g, (digits) => String(Number(digits) + random.below(5) - 2));
    case 3:
      return text.repeat(2);
    default:
      return hostileText(random);
  }
}

function changedList(random: Random, list: readonly unknown[]): unknown {
  switch (random.below(4)) {
    case 0:
      return list.slice(1);
    case 1:
      return [...list, ...list];
    case 2:
      return Array.from({ length: 65 }, () => list[0]);
    default:
      return list.toReversed();
  }
}

function changedObject(random: Random, object: Readonly<Record<string, unknown>>, donors: readonly unknown[]): unknown {
  const keys = Object.keys(object);
  const key = random.of(keys);
  switch (random.below(5)) {
    case 0:
      return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
    case 1:
      return withField(object, random.of(FIELDS), hostileValue(random));
    case 2: {
      const other = random.of(keys);
      return key === undefined || other === undefined ? object : withField(object, key, object[other]);
    }
    case 3: {
      const donor = partOf(random, random.of(donors));
      return isObject(donor) ? { ...object, ...donor } : object;
    }
    default:
      return key === undefined ? object : withField(object, key, hostileValue(random));
  }
}

/** The value, or something in it. */
function partOf(random: Random, value: unknown): unknown {
  if (random.once(3)) return value;
  if (isList(value) && value.length > 0) return partOf(random, random.of(value));
  if (!isObject(value)) return value;
  const key = random.of(Object.keys(value));
  return key === undefined ? value : partOf(random, value[key]);
}

/** The text of a JSON value with one place changed so that parsers may disagree on it, or fail. */
export function mutateJsonText(random: Random, text: string): string {
  const place = random.below(text.length);
  switch (random.below(8)) {
    case 0:
      return text.slice(0, place);
    case 1:
      return text.replace("{", '{"__proto__":{"polluted":1},');
    case 2:
      return text.replace(/"(\w+)":/, '"$1":1,"$1":');
    case 3:
      return text.replace(/:\d+/, ":1e999");
    case 4:
      return text.replace(/"(\w+)"/, String.raw`"\ud83d$1"`);
    case 5:
      return text.replace(/[[{]/, (bracket) => bracket.repeat(random.of([2, 100, 10_000])));
    case 6:
      return text.replace(/:"[^"]*"/, String.raw`:"\u0000"`);
    default:
      return text.slice(0, place) + String.fromCharCode(random.below(0x1_0000)) + text.slice(place + 1);
  }
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
