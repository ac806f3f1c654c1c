import { create, fromBinary, toBinary, toJson } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import { PerdureError } from "@perdure/core";
import {
  AgentService,
  GetHistoryRequestSchema,
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
  PageSchema,
  SessionService,
  TurnBatch,
} from "@perdure/protocol";
import type { BeatListener, BeatStream } from "../heartbeat/beater.ts";
import type { BeatOptions } from "../heartbeat/heartbeat.ts";
import { refusal } from "../errors.ts";
import { nodeMessages } from "./node-messages.ts";
import type { PageSource } from "./past.ts";
import type { AgentStream, StreamListener, Transport } from "./transport.ts";

/** Dead connections are found by pings: after this long without an answer. */
const KEEPALIVE = { "grpc.keepalive_time_ms": 10_000, "grpc.keepalive_timeout_ms": 5_000 };
/** A head may be as long as the topic of heads takes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

export interface GrpcOptions {
  /** `http://host:port` (clear text) or `https://host:port`. */
  readonly url: string;
  /** PEM of an authority to trust beside none; default: the system's. */
  readonly ca: string | undefined;
}

/** The agent's stream over gRPC: a connection of its own each time, so that no backoff but ours delays a try. */
export function grpcTransport(options: GrpcOptions): Transport {
  const target = targetOf(options);
  return {
    open: (token: string, listener: StreamListener): AgentStream => {
      const stream = openStream(target, AgentService.method.connect, token);
      const { call } = stream;
      call.on("data", (bytes: Buffer) => {
        for (const message of nodeMessages(bytes)) listener.onMessage(message);
      });
      stream.onClosed((error) => listener.onClosed(error));
      const batch = new TurnBatch({
        of: "requests",
        schedule: setImmediate,
        write: (bytes) => call.write(asBuffer(bytes)),
      });
      return { send: (bytes) => batch.add(bytes), drop: stream.drop };
    },
  };
}

/** A stream of heartbeats over gRPC. */
export function grpcBeats(options: BeatOptions, listener: BeatListener): BeatStream {
  const stream = openStream(targetOf(options), AgentService.method.heartbeat, options.token);
  stream.call.on("data", (bytes: Buffer) => {
    const answer = decoded(HeartbeatResponseSchema, bytes);
    if (answer !== undefined) listener.onAnswer(answer.known);
  });
  stream.onClosed(() => listener.onClosed());
  const send = (instance: string, loopDelayMs: number): void => {
    const beat = create(HeartbeatRequestSchema, { instance, loopDelayMs });
    stream.call.write(asBuffer(toBinary(HeartbeatRequestSchema, beat)));
  };
  return { send, drop: stream.drop };
}

/** Pages of the past, by calls of their own. */
export function grpcPages(options: GrpcOptions, getToken: () => string | Promise<string>): PageSource {
  const target = targetOf(options);
  const method = SessionService.method.getHistory;
  return {
    async page(session, beforePage) {
      const request = create(GetHistoryRequestSchema, { session, beforePage });
      const bytes = asBuffer(toBinary(GetHistoryRequestSchema, request));
      const answer = decoded(method.output, await callOnce(target, method, await getToken(), bytes));
      const page = answer?.page === undefined ? undefined : toJson(PageSchema, answer.page);
      return { page, before: answer?.beforePage ?? 0 };
    },
  };
}

interface Target {
  readonly address: string;
  readonly credentials: ChannelCredentials;
}

/** Throws PerdureError `unavailable` where the url is none of http or https. */
export function targetOf({ url, ca }: GrpcOptions): Target {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "http:" && parsed?.protocol !== "https:") {
    throw new PerdureError("invalid_name", `"${url}" is no address: use http://host:port or https://host:port`);
  }
  const secure = parsed.protocol === "https:";
  const port = parsed.port === "" ? (secure ? "443" : "80") : parsed.port;
  const trusted = ca === undefined ? undefined : Buffer.from(ca);
  return {
    address: `${parsed.hostname}:${port}`,
    credentials: secure ? credentials.createSsl(trusted) : credentials.createInsecure(),
  };
}

interface OpenStream {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly onClosed: (listener: (error: PerdureError | undefined) => void) => void;
  readonly drop: () => void;
}

const same = (bytes: Buffer): Buffer => bytes;
const pathOf = (method: DescMethod): string => `/${method.parent.typeName}/${method.name}`;

function newClient(target: Target): Client {
  return new Client(target.address, target.credentials, {
    ...KEEPALIVE,
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.use_local_subchannel_pool": 1,
  });
}

function withToken(token: string): Metadata {
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${token.trim()}`);
  return metadata;
}

async function callOnce(target: Target, method: DescMethod, token: string, request: Buffer): Promise<Buffer> {
  const client = newClient(target);
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(pathOf(method), same, same, request, withToken(token), (error, answer) => {
        if (answer !== undefined) resolve(answer);
        else reject(error === null ? new PerdureError("internal", "a call without an answer") : errorOf(error));
      });
    });
  } finally {
    client.close();
  }
}

function openStream(target: Target, method: DescMethod, token: string): OpenStream {
  const client = newClient(target);
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(pathOf(method), same, same, withToken(token));
  const drop = (): void => {
    call.cancel();
    client.close();
  };
  const onClosed: OpenStream["onClosed"] = (listener) => {
    let error: PerdureError | undefined;
    call.on("error", (failure: ServiceError) => (error = errorOf(failure)));
    call.on("status", (result) => {
      client.close();
      listener(result.code === status.OK ? undefined : (error ?? errorOf(result)));
    });
  };
  return { call, onClosed, drop };
}

/** The code stands in the trailing metadata; without one the connection itself failed. */
function errorOf(failure: { code: number; details: string; metadata: Metadata }): PerdureError {
  const [code] = failure.metadata.get("perdure-code");
  const [retry] = failure.metadata.get("perdure-retry-after-ms");
  const retryAfterMs = Number(retry ?? 0);
  if (code === undefined)
    return new PerdureError("unavailable", `${status[failure.code] ?? failure.code}: ${failure.details}`);
  const error = refusal(code.toString(), "", retryAfterMs > 0 ? { retryAfterMs } : {});
  return failure.details === "" ? error : new PerdureError(error.code, failure.details, { retryAfterMs });
}

function decoded<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined;
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
