import { canonical, type SessionState } from "@perdure/core";
import { create, type DescMessage, fromJson, type JsonObject, type JsonValue, toBinary } from "@bufbuild/protobuf";
import {
  AgentHelloSchema,
  AppendRequestSchema,
  type ConnectRequest,
  ConnectRequestSchema,
  CreateSessionRequestSchema,
  decodePublish,
  decodeRecord,
  encodeRecord,
  GetHistoryRequestSchema,
  HeartbeatRequestSchema,
  type Record as WireRecord,
  ReportPresenceRequestSchema,
  ReportUsageRequestSchema,
  messagesIn,
  sessionKey,
} from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import { identify } from "../../../services/ingest/src/agents/hello.ts";
import { actorOf, type AgentIdentity } from "../../../services/ingest/src/agents/identity.ts";
import { recordJson } from "../../../services/ingest/src/agents/wire.ts";
import { decode } from "../../../services/ingest/src/grpc/methods.ts";
import { codeOf, Fault, JudgedSession } from "../judged-session.ts";
import { concat, mutateBytes } from "../mutate-bytes.ts";
import { isObject, mutateJson } from "../mutate-json.ts";
import type { Random } from "../random.ts";
import { hostileRecord, storyRecords } from "../stories.ts";
import type { Subject, Target } from "../target.ts";

const grant: Grant = {
  tenant: "acme",
  participant: "bot",
  role: "ROLE_AGENT",
  name: "bot",
  expiresMs: Infinity,
  mayCreate: true,
  allows: () => true,
  allowsAgent: () => true,
};
const HELLO = { protocol: 1, agent: "planner", instance: "i1", capacity: 3, description: "", client: "fuzz" };

/** The requests that are not a stream's, with one of each. */
const unary: readonly (readonly [DescMessage, JsonValue])[] = [
  [HeartbeatRequestSchema, { instance: "i1", loopDelayMs: 3 }],
  [CreateSessionRequestSchema, { session: "trip", created: { title: "Trip", tags: ["a"] } }],
  [GetHistoryRequestSchema, { session: "trip", beforePage: 3 }],
  [AppendRequestSchema, { session: "trip", record: { events: [{ sessionUpdated: { title: "Trip" } }] } }],
  [ReportUsageRequestSchema, { session: "trip", usage: { provider: "p", model: "m", inputTokens: 3 } }],
  [ReportPresenceRequestSchema, { session: "trip", agent: "planner", instance: "i1", ttlMs: 5000 }],
];

/** Messages of agents and backends, read, filled in and folded as an ingest does. The first byte says which request. */
class AgentMessages implements Subject {
  readonly #session = new JudgedSession();
  readonly #agent: AgentIdentity = identify(create(AgentHelloSchema, HELLO), grant, "attachment");

  get state(): SessionState {
    return this.#session.state;
  }

  take(input: Uint8Array): string {
    const bytes = input.subarray(1);
    const request = unary[(input[0] ?? 0) - 1];
    try {
      if (request === undefined) return messagesIn("requests", bytes).reduce((_, each) => this.#hear(each), "read");
      decode(request[0], bytes);
      return "read";
    } catch (error) {
      return codeOf(error);
    }
  }

  /** What is mostly said is read without reflection, and must be what the generic reader reads. */
  #hear(bytes: Uint8Array): string {
    const quick = decodePublish(bytes);
    const request = decode(ConnectRequestSchema, bytes);
    if (quick !== undefined) {
      const { value } = request.kind;
      const slow = value !== undefined && "record" in value && value.record ? recordJson(value.record) : {};
      if (canonical(slow) !== canonical(quick.record)) throw new Fault("the quick reader reads something else");
    }
    return this.#answer(request);
  }

  #answer({ kind }: ConnectRequest): string {
    if (kind.case === undefined) return "unknown_frame";
    if (kind.case === "hello") identify(kind.value, grant, "attachment");
    if ("session" in kind.value) sessionKey(grant.tenant, kind.value.session);
    return kind.case === "publish" ? this.#publish(kind.value.record) : "read";
  }

  #publish(wire: WireRecord | undefined): string {
    if (wire === undefined) return "invalid_record";
    const record = { ...recordJson(wire), actor: actorOf(this.#agent) };
    return this.#session.take(decodeRecord(encodeRecord(record)));
  }
}

export const agentMessages: Target = {
  name: "messages of agents and backends",
  create: () => new AgentMessages(),
  *inputs(random, subject) {
    const story = storyRecords(random);
    yield messageBytes({ publish: { session: "trip", record: { ...CREATE } } }) ?? new Uint8Array();
    for (const record of story) {
      const publish = { publish: { session: "trip", record: hostileRecord(random, record, story, subject.state) } };
      const messages = [...OTHERS, publish, publish];
      yield messageBytes(publish) ?? new Uint8Array();
      yield messageBytes(mutateJson(random, random.of(messages), messages)) ?? new Uint8Array();
      yield wrongBytes(random, random.of(messages), publish);
    }
  },
};

const CREATE = { producer: "creator", first: 1, last: 1, events: [{ sessionCreated: {} }] };
const OTHERS: readonly object[] = [
  { hello: HELLO },
  { auth: { token: "a.b.c" } },
  { join: { session: "trip" } },
  { detach: { session: "trip" } },
  { acceptOffer: { session: "trip", runId: "ann:1:0" } },
  { declineOffer: { session: "trip", runId: "ann:1:0" } },
  { drain: {} },
  { batch: { messages: [{ join: { session: "trip" } }, { publish: { session: "trip", record: { ...CREATE } } }] } },
  { leave: { reason: "tired" } },
];

function wrongBytes(random: Random, message: unknown, donor: unknown): Uint8Array {
  const which = random.below(unary.length * 3);
  const [schema, sample] = unary[which] ?? [ConnectRequestSchema, undefined];
  const bytes = sample === undefined ? messageBytes(message) : toBinary(schema, fromJson(schema, sample));
  const mutated = mutateBytes(random, bytes?.subarray(1) ?? new Uint8Array(), messageBytes(donor) ?? new Uint8Array());
  return concat(Uint8Array.of(sample === undefined ? 0 : which + 1), mutated);
}

const isTakenForMessage = (value: unknown): value is JsonObject => isObject(value);

/** A stream's message, behind the byte that says so; undefined where it cannot be written. */
function messageBytes(message: unknown): Uint8Array | undefined {
  try {
    if (!isTakenForMessage(message)) return undefined;
    return concat(Uint8Array.of(0), toBinary(ConnectRequestSchema, fromJson(ConnectRequestSchema, message)));
  } catch {
    return undefined;
  }
}
