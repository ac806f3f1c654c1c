// Stands between clients and one broker and reads along, so that a test may hold, leave out or replace a single answer.
import { once } from "node:events";
import { createServer, connect, type Server, type Socket } from "node:net";

/** The requests that tests single out, by Kafka's numbers. */
export const Api = {
  produce: 0,
  fetch: 1,
  metadata: 3,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  initProducerId: 22,
  describeConfigs: 32,
} as const;

/** One request with the broker's answer to it. */
export interface Exchange {
  readonly api: number;
  /** What follows the length: api, version, correlation id, client id, body. */
  readonly request: Buffer;
  /** What follows the correlation id. */
  readonly answer: Buffer;
}

/** What the client gets in place of the answer; undefined for nothing, and a promise holds its connection up. */
export type Answering = (exchange: Exchange) => Buffer | undefined | Promise<Buffer | undefined>;

/** Holds answers back until it is opened. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>();
  readonly #opened = Promise.withResolvers<void>();

  /** Settles when an answer waits. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  readonly hold = async ({ answer }: Exchange): Promise<Buffer> => {
    this.#reached.resolve();
    await this.#opened.promise;
    return answer;
  };

  open(): void {
    this.#opened.resolve();
  }
}

const asItIs: Answering = ({ answer }) => answer;

export class AnswerProxy {
  answering: Answering = asItIs;
  /** Hears of each request as it goes to the broker. */
  onAsked: (api: number) => void = () => undefined;
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();

  static async start(targetPort: number): Promise<AnswerProxy> {
    const server = createServer();
    const proxy = new AnswerProxy(server, targetPort);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    server.on("connection", (client) => this.#join(client));
  }

  get address(): string {
    const address = this.#server.address();
    return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  reset(): void {
    this.answering = asItIs;
    this.onAsked = () => undefined;
  }

  /** Changes the answers to one kind of request, leaving all others as they are. */
  change(api: number, answering: Answering): void {
    this.answering = (exchange) => (exchange.api === api ? answering(exchange) : exchange.answer);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    const broker = connect(this.#targetPort, "127.0.0.1");
    const asked = new Map<number, Buffer>();
    let order = Promise.resolve();
    this.#sockets.add(client);
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => other.destroy());
    }
    client.on("close", () => this.#sockets.delete(client));
    onFrames(client, (frame) => {
      asked.set(frame.readInt32BE(4), frame);
      this.onAsked(frame.readInt16BE(0));
      broker.write(framed(frame));
    });
    onFrames(broker, (frame) => {
      const id = frame.readInt32BE(0);
      const request = asked.get(id);
      asked.delete(id);
      if (request === undefined) return;
      const exchange = { api: request.readInt16BE(0), request, answer: frame.subarray(4) };
      order = order.then(async () => {
        const answer = await this.answering(exchange);
        if (answer !== undefined && !client.destroyed) client.write(framed(frame.subarray(0, 4), answer));
      });
    });
  }
}

/** Calls back with each frame without its length. */
function onFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const end = 4 + received.readInt32BE(0);
      onFrame(Buffer.from(received.subarray(4, end)));
      received = received.subarray(end);
    }
  });
}

function framed(...parts: Buffer[]): Buffer {
  const head = Buffer.alloc(4);
  head.writeInt32BE(parts.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat([head, ...parts]);
}
