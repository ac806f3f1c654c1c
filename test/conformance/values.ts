// JSON with holes: `"<name>"` stands for a value, the same wherever the name stands; `"<name+1>"` for a number beside it;
// `"<_>"` for anything; `"<text 100>"` for a text of that length. `"…"` as a key: there may be more fields.

export type Bindings = Map<string, unknown>;

const HOLE = /^<([A-Za-z_][\w.:-]*)([+-]\d+)?>$/;
const FILLER = /^<text (\d+)>$/;
const MORE = "…";

/** A text of so many characters, the same for the same length. */
export const fillerText = (length: number): string => "lorem ipsum ".repeat(Math.ceil(length / 12)).slice(0, length);

/** The value with every hole filled. Throws where a name has no value yet. */
export function filled(value: unknown, bindings: Bindings): unknown {
  if (typeof value === "string") return filledText(value, bindings);
  if (isList(value)) return value.map((item) => filled(item, bindings));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, bindings)]));
}

function filledText(text: string, bindings: Bindings): unknown {
  const [, length] = FILLER.exec(text) ?? [];
  if (length !== undefined) return fillerText(Number(length));
  const [, name, offset] = HOLE.exec(text) ?? [];
  if (name !== undefined) return shifted(valueOf(name, bindings), offset);
  return text.replaceAll(/<([A-Za-z][\w.:-]*)>/g, (_, inner: string) => String(valueOf(inner, bindings)));
}

function valueOf(name: string, bindings: Bindings): unknown {
  if (!bindings.has(name)) throw new Error(`nothing is known of <${name}> yet`);
  return bindings.get(name);
}

const shifted = (value: unknown, offset: string | undefined): unknown =>
  offset === undefined ? value : Number(value) + Number(offset);

/** What the holes stand for if `actual` is as `expected` says; undefined: it is not. */
export function matched(expected: unknown, actual: unknown, bindings: Bindings): Bindings | undefined {
  const found = new Map(bindings);
  return matches(expected, actual, found) ? found : undefined;
}

function matches(expected: unknown, actual: unknown, bindings: Bindings): boolean {
  if (typeof expected === "string") return matchesText(expected, actual, bindings);
  if (isList(expected)) {
    if (!isList(actual) || actual.length !== expected.length) return false;
    return expected.every((item, index) => matches(item, actual[index], bindings));
  }
  if (!isObject(expected)) return expected === actual;
  if (!isObject(actual)) return false;
  const keys = Object.keys(expected).filter((key) => key !== MORE);
  if (!Object.hasOwn(expected, MORE) && Object.keys(actual).length !== keys.length) return false;
  return keys.every((key) => Object.hasOwn(actual, key) && matches(expected[key], actual[key], bindings));
}

function matchesText(expected: string, actual: unknown, bindings: Bindings): boolean {
  const [, name, offset] = HOLE.exec(expected) ?? [];
  if (name === "_") return true;
  if (name !== undefined && offset === undefined && !bindings.has(name)) {
    bindings.set(name, actual);
    return true;
  }
  return filledText(expected, bindings) === actual;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// Array.isArray makes the items `any`.
export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
