// A TCP relay on loopback that does to connections what networks do: cuts, stalls, delivers half. For tests and chaos.
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { connectToFirst } from "./connect.ts";
import { Relay } from "./relay.ts";

export interface TcpProxyOptions {
  /** A free one where absent. */
  readonly port?: number;
  /** Ports on loopback, taken in turn; where one refuses, the next. May change while it runs. */
  readonly targets: readonly number[];
  /** From [0, 1): which connections are hit, and where they are cut. */
  readonly random?: () => number;
}

export interface Cut {
  /** Part of the connections that are hit; default all. */
  readonly share?: number;
  /**
   * True: not at once, but within what is relayed next, in each direction at a place of its own: the other end gets the
   * beginning of a frame and never its rest.
   */
  readonly inFrames?: boolean;
  /** Not at once, but when a connection has brought its client so many more bytes, or one that is made until then. */
  readonly afterBytes?: number;
}

const FRAME_BYTES = 400;

export class TcpProxy {
  targets: readonly number[];
  /** Connections that were cut so far. */
  cutCount = 0;
  readonly #server: Server;
  readonly #random: () => number;
  readonly #relays = new Set<Relay>();
  #turn = 0;
  #holds = 0;
  #bytesToNextCut = Infinity;

  static async start({ port = 0, ...options }: TcpProxyOptions): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, options);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  private constructor(server: Server, { targets, random = Math.random }: Omit<TcpProxyOptions, "port">) {
    this.#server = server;
    this.targets = targets;
    this.#random = random;
    server.on("connection", (client) => void this.#join(client));
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get connectionCount(): number {
    return this.#relays.size;
  }

  cut({ share = 1, inFrames = false, afterBytes }: Cut = {}): void {
    if (afterBytes !== undefined) this.#bytesToNextCut = afterBytes;
    for (const relay of [...this.#relays]) {
      if (share < 1 && this.#random() >= share) continue;
      if (afterBytes !== undefined) relay.cutWithin(Infinity, afterBytes);
      else if (inFrames) relay.cutWithin(this.#frameBytes(), this.#frameBytes());
      else relay.cut();
    }
  }

  /** Nothing gets through, and no connection breaks, until it is released; those that are made meanwhile wait as well. */
  hold(): void {
    this.#holds += 1;
    for (const relay of this.#relays) relay.hold();
  }

  /** Takes one hold back. */
  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) for (const relay of this.#relays) relay.release();
  }

  /** Holds for a while. */
  stall(forMs: number): void {
    this.hold();
    setTimeout(() => this.release(), forMs).unref();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #frameBytes(): number {
    return Math.floor(this.#random() * FRAME_BYTES);
  }

  async #join(client: Socket): Promise<void> {
    client.on("error", () => client.destroy());
    const from = this.#turn++ % Math.max(1, this.targets.length);
    const server = await connectToFirst([...this.targets.slice(from), ...this.targets.slice(0, from)]);
    if (server === undefined || client.destroyed) {
      client.destroy();
      server?.destroy();
      return;
    }
    const relay = new Relay(client, server, (wasCut) => {
      this.#relays.delete(relay);
      if (!wasCut) return;
      this.cutCount += 1;
      this.#bytesToNextCut = Infinity;
    });
    this.#relays.add(relay);
    relay.cutWithin(Infinity, this.#bytesToNextCut);
    if (this.#holds > 0) relay.hold();
  }
}
