import type { SessionState } from "@perdure/core";
import {
  decodeRecord,
  encodeRecord,
  parseClientFrame,
  type RecordJson,
  type SendFrame,
  sessionKey,
} from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import { DEFAULT_EDGE_LIMITS } from "../../../services/edge/src/limits.ts";
import { recordOf } from "../../../services/edge/src/sends.ts";
import { frameJudges } from "../../support/frame-schema.ts";
import { codeOf, Fault, JudgedSession } from "../judged-session.ts";
import { mutateJson, mutateJsonText } from "../mutate-json.ts";
import { hostileRecord, isTakenForRecord, nextOf, storyRecords } from "../stories.ts";
import { bytesOf, jsonText, type Subject, type Target, textOf } from "../target.ts";

const TENANT = "acme";
const TAKEN: ReadonlySet<string> = new Set(["taken", "accepted", "passed"]);
const ROLES = ["ROLE_USER", "ROLE_OPERATOR", "ROLE_SERVICE", "ROLE_OBSERVER"] as const;

/** Text of a client, read, filled in and folded as an edge does; and held against docs/protocol.schema.json. */
class ClientFrames implements Subject {
  readonly #session = new JudgedSession();
  readonly #judges = frameJudges();

  get state(): SessionState {
    return this.#session.state;
  }

  take(input: Uint8Array): string {
    if (input.length > DEFAULT_EDGE_LIMITS.maxFrameBytes) return "frame_too_large";
    const text = textOf(input);
    const parsed = parseClientFrame(text);
    if ("code" in parsed) {
      if (isSayable(text) && this.#judges.client(text) === undefined) {
        throw new Fault(`refused, and taken by the schema: ${parsed.message}`);
      }
      return parsed.code;
    }
    const { frame } = parsed;
    const answer = frame.t === "send" ? this.#write(frame) : frame.t === "attach" ? attachable(frame.session) : "taken";
    const wrong = this.#judges.client(JSON.stringify(frame));
    if (wrong !== undefined && TAKEN.has(answer)) throw new Fault(`taken, and refused by the schema: ${wrong}`);
    return answer;
  }

  #write(frame: SendFrame): string {
    const { p: producer, n: number, born, ev: events, epoch, au: audience } = frame;
    const draft = { producer, number, born, events, ...(epoch && { epoch }), ...(audience && { audience }) };
    const record = recordOf(draft, grantOf(ROLES[producer.length % ROLES.length] ?? "ROLE_USER"));
    return this.#session.take(decodeRecord(encodeRecord(record)));
  }
}

/** Whether a JSON Schema can say it all: no pattern ends at 2^53, and none tells half a character. */
const isSayable = (text: string): boolean =>
  !text.includes('"epoch"') && !/\\ud[89a-f]/.test(JSON.stringify({ value: parsedJson(text) }));

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const grantOf = (role: (typeof ROLES)[number]): Grant => ({
  tenant: TENANT,
  participant: role,
  role,
  name: role,
  expiresMs: Infinity,
  mayCreate: true,
  allows: () => true,
  allowsAgent: () => false,
});

function attachable(session: string): string {
  try {
    sessionKey(TENANT, session);
    return "taken";
  } catch (error) {
    return codeOf(error);
  }
}

export const clientFrames: Target = {
  name: "frames of clients",
  create: () => new ClientFrames(),
  *inputs(random, subject) {
    const story = storyRecords(random);
    yield frameBytes({ t: "send", h: 1, p: "creator", n: 1, born: 0, ev: [{ sessionCreated: {} }] });
    for (const record of story) {
      const hostile = hostileRecord(random, record, story, subject.state);
      const frames = [...OTHERS, sendFrame(record), ...(isTakenForRecord(hostile) ? [sendFrame(hostile)] : [])];
      const frame = random.of(frames);
      yield frameBytes(sendFrame({ ...record, ...nextOf(record, subject.state) }));
      yield frameBytes(frames.at(-1));
      yield frameBytes(mutateJson(random, frame, frames));
      yield bytesOf(mutateJsonText(random, JSON.stringify(frame)));
    }
  },
};

const OTHERS: readonly object[] = [
  { t: "hello", v: 1, token: "a.b.c", client: "fuzz", device: "none" },
  { t: "auth", token: "a.b.c" },
  { t: "attach", id: 1, session: "trip", cursor: { epoch: "3", seq: 9 }, member: "m-1" },
  { t: "history", id: 2, h: 1, before: 4 },
  { t: "detach", h: 1 },
  { t: "ping" },
];

const sendFrame = ({ producer, first, born, epoch, audience, events }: RecordJson): object => ({
  t: "send",
  h: 1,
  p: producer,
  n: first,
  born,
  ...(epoch !== undefined && { epoch }),
  ...(audience !== undefined && { au: audience }),
  ev: events,
});

const frameBytes = (frame: unknown): Uint8Array => bytesOf(jsonText(frame));
