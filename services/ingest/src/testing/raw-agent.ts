// The other end of a stream, as bytes: an agent without an SDK, that may lie.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject } from "@grpc/grpc-js";
import {
  type AcceptedRecord,
  AgentService,
  type ConnectResponse,
  ConnectRequestSchema,
  ConnectResponseSchema,
  HeartbeatRequestSchema,
  HeartbeatResponseSchema,
} from "@perdure/protocol";

type Kind = ConnectResponse["kind"];
type Case = Exclude<Kind["case"], undefined>;
type ValueOf<C extends Case> = Extract<Kind, { case: C }>["value"];

const same = (bytes: Buffer): Buffer => bytes;

/** How a call ended: the code in its trailers, else the name of its status. */
export interface Ended {
  readonly code: string;
  readonly details: string;
}

export class RawAgent {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly ended: Promise<Ended>;
  readonly heard: Kind[] = [];
  readonly #client: Client;
  #wake = Promise.withResolvers<void>();

  constructor(address: string, token: string | undefined) {
    const { client, call, ended } = openCall(address, AgentService.method.connect, token);
    this.#client = client;
    this.call = call;
    this.ended = ended;
    void ended.then(() => this.#wake.resolve());
    call.on("data", (bytes: Buffer) => {
      const { kind } = fromBinary(ConnectResponseSchema, bytes);
      this.heard.push(...(kind.case === "batch" ? kind.value.messages.map((each) => each.kind) : [kind]));
      this.#wake.resolve();
      this.#wake = Promise.withResolvers();
    });
  }

  send(kind: MessageInitShape<typeof ConnectRequestSchema>["kind"]): void {
    const request = create(ConnectRequestSchema, kind === undefined ? {} : { kind });
    this.call.write(Buffer.from(toBinary(ConnectRequestSchema, request)));
  }

  sendTogether(kinds: readonly MessageInitShape<typeof ConnectRequestSchema>["kind"][]): void {
    this.send({ case: "batch", value: { messages: kinds.map((kind) => (kind === undefined ? {} : { kind })) } });
  }

  hello(more: Partial<{ protocol: number; agent: string; instance: string; capacity: number }> = {}): void {
    this.send({ case: "hello", value: { protocol: 1, agent: "helper", instance: "i-1", ...more } });
  }

  /** The next message of this kind that passes; the ones before it are dropped. Throws where the stream ends first. */
  async next<C extends Case>(wanted: C, test: (value: ValueOf<C>) => boolean = () => true): Promise<ValueOf<C>> {
    for (;;) {
      for (let kind = this.heard.shift(); kind !== undefined; kind = this.heard.shift()) {
        const message: { case: unknown; value?: unknown } = kind;
        if (isCase(message, wanted) && test(message.value)) return message.value;
      }
      const more = this.#wake.promise.then(() => undefined);
      const ended = await Promise.race([more, this.ended]);
      if (ended !== undefined && this.heard.length === 0) throw new Error(`the stream ended: ${ended.code}`);
    }
  }

  /** Its record with this number, accepted: what it hears of it is the answer. */
  async accepted(number: number): Promise<AcceptedRecord | undefined> {
    const isOwn = ({ record }: AcceptedRecord): boolean =>
      record?.first === number && record.events.some(({ kind }) => kind.case === "messageOpened");
    const { accepted } = await this.next("record", (heard) => heard.accepted !== undefined && isOwn(heard.accepted));
    return accepted;
  }

  /** As a process that dies. */
  break(): void {
    this.call.cancel();
    this.#client.close();
  }
}

type Message<C extends Case> = { readonly case: C; readonly value: ValueOf<C> };

function isCase<C extends Case>(kind: { case: unknown; value?: unknown }, wanted: C): kind is Message<C> {
  return kind.case === wanted;
}

/** Heartbeats, as an agent's thread sends them. */
export class RawHeart {
  readonly call: ClientDuplexStream<Buffer, Buffer>;
  readonly ended: Promise<Ended>;
  readonly #client: Client;

  constructor(address: string, token: string | undefined) {
    const { client, call, ended } = openCall(address, AgentService.method.heartbeat, token);
    this.#client = client;
    this.call = call;
    this.ended = ended;
  }

  /** Whether the node knows the instance. */
  async beat(instance: string, loopDelayMs = 0): Promise<boolean> {
    const answer = new Promise<Buffer>((resolve) => void this.call.once("data", resolve));
    const beat = create(HeartbeatRequestSchema, { instance, loopDelayMs });
    this.call.write(Buffer.from(toBinary(HeartbeatRequestSchema, beat)));
    return fromBinary(HeartbeatResponseSchema, await answer).known;
  }

  close(): void {
    this.call.cancel();
    this.#client.close();
  }
}

function openCall(address: string, method: DescMethod, token: string | undefined) {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const path = `/${method.parent.typeName}/${method.name}`;
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, metadataWith(token));
  call.on("error", () => undefined);
  const ended = new Promise<Ended>((resolve) => {
    call.on("status", (status) => {
      client.close();
      resolve(endedOf(status));
    });
  });
  return { client, call, ended };
}

/** One unary call: its answer, or how it was refused. */
export async function callOnce<In extends DescMessage, Out extends DescMessage>(
  address: string,
  token: string | undefined,
  method: DescMethodUnary<In, Out>,
  request: MessageInitShape<In>,
): Promise<MessageShape<Out> | Ended> {
  const client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
  const path = `/${method.parent.typeName}/${method.name}`;
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, same, same, bytes, metadataWith(token), (error, answer) => {
        if (error !== null) resolve(endedOf(error));
        else if (answer !== undefined) resolve(fromBinary(method.output, answer));
      });
    });
  } finally {
    client.close();
  }
}

/** The answer to an empty request, as bytes. */
export async function rawCall(address: string, path: string): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, Buffer.alloc(0), (error, answer) => {
        if (error === null && answer !== undefined) resolve(answer);
        else reject(error ?? new Error("no answer"));
      });
    });
  } finally {
    client.close();
  }
}

/** The first answer on a stream, as bytes. */
export async function rawStream(address: string, path: string, request: Buffer): Promise<Buffer> {
  const client = new Client(address, credentials.createInsecure());
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(path, same, same, new Metadata());
  try {
    return await new Promise((resolve, reject) => {
      call.once("data", resolve);
      call.once("error", reject);
      call.write(request);
    });
  } finally {
    call.removeAllListeners("error").on("error", () => undefined);
    call.cancel();
    client.close();
  }
}

function metadataWith(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

function endedOf({ code, details, metadata }: Pick<StatusObject, "code" | "details" | "metadata">): Ended {
  const [word] = metadata.get("perdure-code");
  return { code: word?.toString() ?? `status ${code}`, details };
}
