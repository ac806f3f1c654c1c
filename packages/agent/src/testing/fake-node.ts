import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PerdureError } from "@perdure/core";
import {
  ActorSchema,
  type AgentPublish,
  type ConnectRequest,
  ConnectRequestSchema,
  ConnectResponseSchema,
} from "@perdure/protocol";
import { nodeMessages } from "../link/node-messages.ts";
import type { AgentStream, StreamListener, Transport } from "../link/transport.ts";

type Said = ConnectRequest["kind"];
type Case = Exclude<Said["case"], undefined>;
type ValueOf<C extends Case> = Extract<Said, { case: C }>["value"];
type Told = Exclude<MessageInitShape<typeof ConnectResponseSchema>["kind"], undefined>;

/** The node's end of one stream. */
export class FakeStream implements AgentStream {
  readonly token: string;
  readonly #listener: StreamListener;
  readonly #onSaid: () => void;
  readonly said: Said[] = [];
  dropped = false;

  constructor(token: string, listener: StreamListener, onSaid: () => void) {
    this.token = token;
    this.#listener = listener;
    this.#onSaid = onSaid;
  }

  readonly send = (bytes: Uint8Array): void => {
    this.said.push(fromBinary(ConnectRequestSchema, bytes).kind);
    this.#onSaid();
  };

  readonly drop = (): void => {
    this.dropped = true;
  };

  tell(kind: Told): void {
    const bytes = toBinary(ConnectResponseSchema, create(ConnectResponseSchema, { kind }));
    for (const message of nodeMessages(bytes)) this.#listener.onMessage(message);
  }

  /** The session takes a record of the agent's (or of another participant's). */
  accept({ session, record }: Pick<AgentPublish, "session" | "record">, seq: number, participant = "bot"): void {
    if (record === undefined) throw new Error("there is no record to accept");
    const own = { ...record, actor: create(ActorSchema, { participant }) };
    this.tell({ case: "record", value: { session, accepted: { seq, count: record.events.length, record: own } } });
  }

  close(error?: PerdureError): void {
    this.#listener.onClosed(error);
  }

  welcome(
    more: { readonly tokenExpiresInMs?: number; readonly heartbeatUrl?: string; readonly windowBytes?: number } = {},
  ): void {
    const value = {
      heartbeatMs: 2_000,
      windowBytes: 100_000,
      tokenExpiresInMs: 3_600_000,
      participant: "bot",
      ...more,
    };
    this.tell({ case: "welcome", value });
  }

  /** What was said of one kind. */
  of<C extends Case>(wanted: C): readonly ValueOf<C>[] {
    return this.said.flatMap((kind: { case: unknown; value?: unknown }) => (isKind(kind, wanted) ? [kind.value] : []));
  }
}

function isKind<C extends Case>(
  kind: { case: unknown; value?: unknown },
  wanted: C,
): kind is { case: C; value: ValueOf<C> } {
  return kind.case === wanted;
}

/** A node that a test plays. */
export class FakeNode implements Transport {
  readonly streams: FakeStream[] = [];
  #wake = Promise.withResolvers<void>();

  open(token: string, listener: StreamListener): AgentStream {
    const stream = new FakeStream(token, listener, () => this.#stir());
    this.streams.push(stream);
    this.#stir();
    return stream;
  }

  get last(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("there is no stream");
    return stream;
  }

  /** Settles when `test` holds, now or after something was said. */
  async until(test: () => boolean): Promise<void> {
    while (!test()) await this.#wake.promise;
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
