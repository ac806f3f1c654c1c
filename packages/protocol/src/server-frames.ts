import type { ClientFrame, ServerFrame } from "./frames.ts";

type ServerObject = Extract<ServerFrame, { readonly t: string }>;
type Kind = ServerObject["t"];
type FrameOf<K extends Kind> = Extract<ServerObject, { readonly t: K }>;
type Primitive = "string" | "number" | "boolean" | "object";
/** Fields that a frame always has, with the type that `typeof` says; what may be absent is not listed. */
type Required<F> = {
  readonly [Key in Exclude<keyof F, "t"> as undefined extends F[Key] ? never : Key]: F[Key] extends string
    ? "string"
    : F[Key] extends number
      ? "number"
      : F[Key] extends boolean
        ? "boolean"
        : "object";
};

const required: { readonly [K in Kind]: Required<FrameOf<K>> } = {
  welcome: {
    v: "number",
    node: "string",
    tenant: "string",
    participant: "string",
    role: "string",
    mayCreate: "boolean",
    expiresInMs: "number",
    beatMs: "number",
    maxFrameBytes: "number",
  },
  attached: { id: "number", h: "number", how: "string", seq: "number" },
  e: { h: "number", s: "number", at: "number", p: "string", n: "number", by: "object", ev: "object" },
  x: { h: "number", by: "object", ev: "object" },
  ack: { h: "number", p: "string", n: "number", s: "number" },
  update: { h: "number", how: "string", seq: "number" },
  lagging: { h: "number" },
  caught_up: { h: "number" },
  detached: { h: "number", code: "string" },
  error: { code: "string", message: "string" },
  move: { withinMs: "number" },
  page: { id: "number", h: "number" },
  pong: {},
};

const tuples: Readonly<Record<string, readonly Primitive[]>> = {
  a: ["string", "number", "number", "number", "number", "string"],
  s: ["string", "number", "number", "number"],
};

/** Reads what a server sent; undefined for a kind that this version does not know, and for what is no frame at all. */
export function parseServerFrame(source: string): ServerFrame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    return undefined;
  }
  return isServerFrame(value) ? value : undefined;
}

/** A frame as it travels. */
export const encodeFrame = (frame: ClientFrame | ServerFrame): string => JSON.stringify(frame);

function isServerFrame(value: unknown): value is ServerFrame {
  if (Array.isArray(value)) return isTuple(value);
  if (typeof value !== "object" || value === null || !("t" in value) || typeof value.t !== "string") return false;
  const { t } = value;
  if (!isKind(t)) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return Object.entries(required[t]).every(([key, type]) => isOf(type, fields.get(key)));
}

function isTuple(value: readonly unknown[]): boolean {
  const [name] = value;
  const types = typeof name === "string" && Object.hasOwn(tuples, name) ? tuples[name] : undefined;
  // Longer tuples are of a later version, which may only have added something behind.
  return types !== undefined && value.length >= types.length && types.every((type, index) => isOf(type, value[index]));
}

const isKind = (t: string): t is Kind => Object.hasOwn(required, t);

const isOf = (type: Primitive, value: unknown): boolean => typeof value === type && value !== null;
