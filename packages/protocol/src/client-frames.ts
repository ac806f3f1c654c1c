import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { ClientFrame, Cursor } from "./frames.ts";
import {
  audience,
  epoch,
  eventList,
  isObject,
  kind,
  matching,
  optional,
  type Rule,
  shape,
  text,
  uint32,
} from "./frame-rules.ts";
import { PRODUCER_PATTERN, SESSION_ID_PATTERN, SYSTEM_SESSION_ID_PATTERN } from "./keys.ts";
import { type EventJson, EventSchema } from "./schema.ts";

/** A frame that was not taken. `id`, `h`, `p` and `n` are the frame's own, where it had them, so that the answer can name it. */
export interface FrameRefusal {
  readonly code: "malformed_frame" | "unknown_frame" | "invalid_event";
  /** What is wrong, for people. */
  readonly message: string;
  readonly id?: number;
  readonly h?: number;
  readonly p?: string;
  readonly n?: number;
}

export type ParsedClientFrame = { readonly frame: ClientFrame } | FrameRefusal;

/** Longest token taken, in characters; identity providers stay well below. */
const TOKEN_MAX = 16_384;
const LABEL_MAX = 128;

type Kind = ClientFrame["t"];
type FrameOf<K extends Kind> = Extract<ClientFrame, { readonly t: K }>;
/** Every field of a frame has its rule, so that one added to the type does not compile until it is judged. */
type Fields<F> = { readonly [Key in keyof F]-?: Rule };

const cursorFields: Fields<Cursor> = { epoch, seq: uint32 };

const frameFields: { readonly [K in Kind]: Fields<FrameOf<K>> } = {
  hello: {
    t: kind("hello"),
    v: uint32,
    token: text(TOKEN_MAX),
    client: optional(text(LABEL_MAX)),
    device: optional(text(LABEL_MAX)),
  },
  auth: { t: kind("auth"), token: text(TOKEN_MAX) },
  attach: {
    t: kind("attach"),
    id: uint32,
    session: matching(SESSION_ID_PATTERN, SYSTEM_SESSION_ID_PATTERN),
    cursor: optional(shape(cursorFields)),
    member: optional(matching(PRODUCER_PATTERN)),
  },
  detach: { t: kind("detach"), h: uint32 },
  send: {
    t: kind("send"),
    h: uint32,
    p: matching(PRODUCER_PATTERN),
    n: uint32,
    born: uint32,
    epoch: optional(epoch),
    au: optional(audience),
    ev: eventList,
  },
  history: { t: kind("history"), id: uint32, h: uint32, before: optional(uint32) },
  ping: { t: kind("ping") },
};

/** What each kind of frame may hold; `schema` of a rule is its JSON Schema. */
export const CLIENT_FRAME_RULES: ReadonlyMap<unknown, Rule> = new Map(
  Object.entries(frameFields).map(([name, fields]) => [name, shape(fields)]),
);

/**
 * Reads what a client sent. Shapes are closed: an unknown kind or field, a wrong type, a value past its limit and an
 * event that is not of the schema are refused with a code. Never throws. Events come back in canonical form.
 */
export function parseClientFrame(source: string): ParsedClientFrame {
  const value = parseJson(source);
  if (!isObject(value)) return { code: "malformed_frame", message: "a frame is a JSON object" };
  const rule = CLIENT_FRAME_RULES.get(value["t"]);
  if (rule === undefined) return refusal("unknown_frame", unknownKind(value["t"]), value);
  const wrong = rule(value);
  if (wrong !== undefined) return refusal("malformed_frame", `${String(value["t"])}: ${wrong}`, value);
  return withEvents(value);
}

function withEvents(value: Readonly<Record<string, unknown>>): ParsedClientFrame {
  if (!isCheckedFrame(value)) return refusal("malformed_frame", "not a frame", value);
  if (value.t !== "send") return { frame: value };
  const events: EventJson[] = [];
  for (const [index, event] of value.ev.entries()) {
    const parsed = canonicalEvent(event);
    if (typeof parsed === "string") return refusal("invalid_event", `ev[${index}]: ${parsed}`, { ...value });
    events.push(parsed);
  }
  return { frame: { ...value, ev: events } };
}

/** The rules above have judged the value; this only tells the compiler so. */
const isCheckedFrame = (value: object): value is ClientFrame => "t" in value;

/** The event as the schema writes it, or what is wrong with it. */
function canonicalEvent(event: JsonValue): EventJson | string {
  try {
    const message = fromJson(EventSchema, event, { ignoreUnknownFields: false });
    return message.kind.case === undefined ? "has no kind that this version knows" : toJson(EventSchema, message);
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 300) : "is not an event";
  }
}

function refusal(code: FrameRefusal["code"], message: string, value: Readonly<Record<string, unknown>>): FrameRefusal {
  const { id, h, p, n } = value;
  return {
    code,
    message,
    ...(typeof id === "number" && { id }),
    ...(typeof h === "number" && { h }),
    ...(typeof p === "string" && { p }),
    ...(typeof n === "number" && { n }),
  };
}

const unknownKind = (t: unknown): string =>
  typeof t === "string"
    ? `no frame is called ${JSON.stringify(t.slice(0, 40))}`
    : "field t must name the kind of frame";

function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}
