/*
 * JSON Patch (RFC 6902) over JSON text, with JSON Pointer (RFC 6901). Written here because the core has no dependency
 * and clients bundle it.
 */

/** Deepest nesting of what is patched and of what a patch brings, so that no engine's stack decides the outcome. */
const depthMax = 64;
/** What a patch may copy within a text, in UTF-16 units: copies of copies would grow without bound. */
const copiedMax = 512 * 1024;

class PatchError extends Error {}

/** The text after the patch; undefined where the text, the patch or one of its paths is wrong. No text counts as null. */
export function patchJson(text: string, patch: string): string | undefined {
  try {
    const operations: unknown = JSON.parse(patch);
    if (!Array.isArray(operations) || !isShallow(operations, depthMax)) return undefined;
    let patched: unknown = JSON.parse(text === "" ? "null" : text);
    const room: Room = { left: copiedMax };
    for (const operation of operations) patched = applyOperation(patched, operation, room);
    return isShallow(patched, depthMax) ? JSON.stringify(patched) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a text is JSON that can be patched. */
export function isPatchable(text: string): boolean {
  try {
    return isShallow(JSON.parse(text), depthMax);
  } catch {
    return false;
  }
}

/** What a patch may still copy. */
interface Room {
  left: number;
}

function applyOperation(document: unknown, operation: unknown, room: Room): unknown {
  const op = member(operation, "op");
  const path = pointer(member(operation, "path"));
  switch (op) {
    case "add":
      return put(document, path, member(operation, "value"), true);
    case "replace":
      find(document, path);
      return put(document, path, member(operation, "value"), false);
    case "remove":
      return take(document, path);
    case "test":
      if (!isEqual(find(document, path), member(operation, "value"))) throw new PatchError();
      return document;
    case "copy":
      return put(document, path, copyOf(find(document, pointer(member(operation, "from"))), room), true);
    case "move":
      return move(document, pointer(member(operation, "from")), path);
    default:
      throw new PatchError();
  }
}

function move(document: unknown, from: readonly string[], to: readonly string[]): unknown {
  const moved = find(document, from);
  if (to.length > from.length && from.every((token, index) => token === to[index])) throw new PatchError();
  return put(take(document, from), to, moved, true);
}

function pointer(path: unknown): readonly string[] {
  if (path === "") return [];
  if (typeof path !== "string" || !path.startsWith("/")) throw new PatchError();
  const tokens = path.slice(1).split("/");
  return tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

function member(container: unknown, key: string): unknown {
  if (Array.isArray(container)) return container[indexIn(container, key, container.length - 1)];
  if (!isObject(container) || key === "__proto__" || !Object.hasOwn(container, key)) throw new PatchError();
  return container[key];
}

function indexIn(list: readonly unknown[], token: string, highest: number): number {
  const index = token === "-" ? list.length : Number(token);
  if ((token !== "-" && !/^(0|[1-9]\d{0,8})$/.test(token)) || index > highest) throw new PatchError();
  return index;
}

const find = (document: unknown, path: readonly string[]): unknown => path.reduce(member, document);

function put(document: unknown, path: readonly string[], value: unknown, insert: boolean): unknown {
  const token = path.at(-1);
  if (token === undefined) return value;
  const container = find(document, path.slice(0, -1));
  if (Array.isArray(container)) container.splice(indexIn(container, token, container.length), insert ? 0 : 1, value);
  else if (isObject(container) && token !== "__proto__") container[token] = value;
  else throw new PatchError();
  return document;
}

function take(document: unknown, path: readonly string[]): unknown {
  const token = path.at(-1);
  if (token === undefined) return null;
  const container = find(document, path.slice(0, -1));
  member(container, token);
  if (Array.isArray(container)) container.splice(Number(token), 1);
  else if (isObject(container)) delete container[token];
  return document;
}

// Only what JSON.parse has made comes here, so a copy by way of text is exact.
function copyOf(value: unknown, room: Room): unknown {
  const text = JSON.stringify(value);
  room.left -= text.length;
  if (room.left < 0) throw new PatchError();
  const copy: unknown = JSON.parse(text);
  return copy;
}

/** Whether two JSON values are the same. Costs no more than the smaller of them. */
function isEqual(one: unknown, other: unknown): boolean {
  if (!isObject(one) || !isObject(other)) return one === other;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isEqual(one[key], other[key]))
  );
}

function isShallow(value: unknown, depth: number): boolean {
  if (!isObject(value)) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}
