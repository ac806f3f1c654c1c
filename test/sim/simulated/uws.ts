// Stands in for uWebSockets.js in a simulation: the part that an edge uses, over simulated wires.
import type { SimProcess } from "../world/process.ts";
import type { Packet, Wire } from "../world/wire.ts";
import { currentProcess, currentWorld, judgeSilence } from "../world/world.ts";
import { SimRoutes } from "./uws-http.ts";

export const DISABLED = 0;
type Handler = Parameters<SimRoutes["add"]>[2];

const ABNORMAL_CLOSE = 1006;
/** How an edge ends a connection on which it says that nothing was heard. */
const IDLE_CLOSE = 4003;

interface Behavior {
  readonly maxBackpressure?: number;
  readonly upgrade: (response: Upgrading, request: Request, context: undefined) => void;
  readonly open: (ws: SimWebSocket) => void;
  readonly message: (ws: SimWebSocket, message: ArrayBuffer, isBinary: boolean) => void;
  readonly ping?: (ws: SimWebSocket) => void;
  readonly pong?: (ws: SimWebSocket) => void;
  readonly dropped?: (ws: SimWebSocket) => void;
  readonly drain?: (ws: SimWebSocket) => void;
  readonly close: (ws: SimWebSocket, code: number) => void;
}

interface Request {
  getHeader(name: string): string;
}

interface Upgrading {
  upgrade(data: unknown): void;
  writeStatus(): Upgrading;
  end(): void;
}

class SimWebSocket {
  readonly wire: Wire;
  readonly topics = new Set<string>();
  readonly #app: SimApp;
  readonly #behavior: Behavior;
  readonly #data: unknown;
  #open = true;

  constructor(app: SimApp, behavior: Behavior, wire: Wire, data: unknown) {
    this.#app = app;
    this.#behavior = behavior;
    this.wire = wire;
    this.#data = data;
  }

  getUserData(): unknown {
    return this.#data;
  }

  getBufferedAmount(): number {
    return this.wire.bufferedBytes;
  }

  /** 0: dropped, since too much waits. */
  send(text: string): number {
    const { maxBackpressure = 0 } = this.#behavior;
    if (maxBackpressure > 0 && this.wire.bufferedBytes + text.length > maxBackpressure) {
      this.#behavior.dropped?.(this);
      return 2;
    }
    this.wire.send({ kind: "text", text });
    return 1;
  }

  ping(): void {
    this.wire.send({ kind: "ping" });
  }

  subscribe(topic: string): boolean {
    this.topics.add(topic);
    return true;
  }

  unsubscribe(topic: string): boolean {
    return this.topics.delete(topic);
  }

  isSubscribed(topic: string): boolean {
    return this.topics.has(topic);
  }

  cork(call: () => void): void {
    call();
  }

  end(code: number, reason: string): void {
    if (!this.#open) return;
    if (code === IDLE_CLOSE) judgeSilence(this.wire);
    this.wire.send({ kind: "close", code, text: reason });
    this.wire.close();
    this.gone(code);
  }

  /** Cut off: an edge does that with whoever is silent. */
  close(): void {
    if (!this.#open) return;
    judgeSilence(this.wire);
    this.wire.close();
    this.gone(ABNORMAL_CLOSE);
  }

  gone(code: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.topics.clear();
    this.#app.sockets.delete(this);
    this.#behavior.close(this, code);
  }

  receive({ kind, text = "", code = ABNORMAL_CLOSE }: Packet): void {
    if (!this.#open) return;
    if (kind === "text") this.#behavior.message(this, bufferOf(text), false);
    else if (kind === "ping") this.#behavior.ping?.(this);
    else if (kind === "pong") this.#behavior.pong?.(this);
    else if (kind === "close") {
      this.wire.close();
      this.gone(code);
    }
  }

  drained(): void {
    if (this.#open) this.#behavior.drain?.(this);
  }
}

class SimApp {
  readonly sockets = new Set<SimWebSocket>();
  readonly #process: SimProcess = currentProcess();
  readonly #routes = new SimRoutes();
  #behavior: Behavior | undefined;

  ws(_path: string, behavior: Behavior): this {
    this.#behavior = behavior;
    return this;
  }

  get(pattern: string, handler: Handler): this {
    this.#routes.add("get", pattern, handler);
    return this;
  }

  post(pattern: string, handler: Handler): this {
    this.#routes.add("post", pattern, handler);
    return this;
  }

  options(pattern: string, handler: Handler): this {
    this.#routes.add("options", pattern, handler);
    return this;
  }

  any(pattern: string, handler: Handler): this {
    this.#routes.add(undefined, pattern, handler);
    return this;
  }

  listen(host: string, _port: number, _options: number, listening: (socket: object | false) => void): void {
    const { wires } = currentWorld();
    wires.listen(host, this.#process, (wire) => this.#accept(wire));
    wires.listen(httpAddressOf(host), this.#process, (wire) => this.#routes.accept(wire));
    listening({ app: this, host });
  }

  stopListening(host: string): void {
    const { wires } = currentWorld();
    for (const address of [host, httpAddressOf(host)]) wires.unlisten(address, this.#process);
  }

  publish(topic: string, text: string): boolean {
    for (const socket of [...this.sockets]) if (socket.topics.has(topic)) socket.send(text);
    return true;
  }

  close(): void {
    for (const socket of [...this.sockets]) socket.close();
    this.#routes.close();
  }

  #accept(wire: Wire): void {
    const behavior = this.#behavior;
    if (behavior === undefined) return wire.close();
    const response: Upgrading = {
      upgrade: (data) => this.#open(behavior, wire, data),
      writeStatus: () => response,
      end: () => wire.close(),
    };
    behavior.upgrade(response, { getHeader: (name) => (name === "host" ? "localhost" : "") }, undefined);
  }

  #open(behavior: Behavior, wire: Wire, data: unknown): void {
    const socket = new SimWebSocket(this, behavior, wire, data);
    this.sockets.add(socket);
    wire.listener = { onPacket: (packet) => socket.receive(packet), onClosed: () => socket.gone(ABNORMAL_CLOSE) };
    wire.onDrain = () => socket.drained();
    behavior.open(socket);
  }
}

/** A connection says by its address for which of the two it is, where a real one says it in its first lines. */
const httpAddressOf = (host: string): string => `http.${host}`;

function bufferOf(text: string): ArrayBuffer {
  const bytes = new TextEncoder().encode(text);
  return bytes.buffer;
}

export const App = (): SimApp => new SimApp();

export const us_listen_socket_close = ({ app, host }: { app: SimApp; host: string }): void => app.stopListening(host);

export const us_socket_local_port = (): number => 1;
