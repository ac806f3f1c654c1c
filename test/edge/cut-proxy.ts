import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * A TCP relay that can be told to cut its connections, also in the middle of a frame, to take no new ones, and to stop
 * reading what comes from the server.
 */
export class CutProxy {
  target: number;
  cuts = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #refusing = false;
  #holding = false;
  #bytesLeft = Infinity;
  #text = "";

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.target = target;
    server.on("connection", (client) => this.#relay(client));
  }

  static async start(target: number): Promise<CutProxy> {
    const server = createServer();
    const proxy = new CutProxy(server, target);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `ws://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/v1/connect`;
  }

  /** Cuts every connection once this many more bytes have come back from the server. */
  cutAfter(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  refuse(refusing: boolean): void {
    this.#refusing = refusing;
  }

  /** Reads no more from the server, as a slow network does, or goes on. */
  hold(holding: boolean): void {
    this.#holding = holding;
    for (const [, server] of this.#pairs) holdBack(server, holding);
  }

  /** Takes nothing more from the server, or goes on: to that one, its client looks like one that does not read. */
  stall(stalled: boolean): void {
    for (const [, server] of this.#pairs) {
      if (stalled) server.pause();
      else server.resume();
    }
  }

  /** How the latest attach was answered. */
  get lastHow(): string | undefined {
    return this.#text
      .match(/"t":"attached".*?"how":"(\w+)"/g)
      ?.at(-1)
      ?.match(/(\w+)"$/)?.[1];
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #relay(client: Socket): void {
    client.on("error", () => undefined);
    if (this.#refusing) return void client.destroy();
    const server = connect(this.target, "127.0.0.1");
    server.on("error", () => undefined);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    client.on("close", end);
    server.on("close", end);
    client.pipe(server);
    holdBack(server, this.#holding);
    server.on("data", (chunk) => {
      this.#text = (this.#text + chunk.toString("latin1")).slice(-200_000);
      if (chunk.length <= this.#bytesLeft) {
        this.#bytesLeft -= chunk.length;
        client.write(chunk);
      } else {
        client.write(chunk.subarray(0, this.#bytesLeft), () => this.cut());
      }
    });
  }

  cut(): void {
    this.#bytesLeft = Infinity;
    this.cuts += this.#pairs.size;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#pairs.clear();
  }
}

const holdBack = (socket: Socket, holding: boolean): void => void (holding ? socket.pause() : socket.resume());
