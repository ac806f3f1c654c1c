import { parseServerFrame, type ClientFrame, type ServerFrame } from "@perdure/protocol";
import type { NativeSocket, SocketData, SocketReceiver } from "../socket.ts";

/** Sockets in place of uWebSockets': what was sent waits until the test takes it, byte by byte if it likes. */
export class TestNetwork {
  readonly #topics = new Map<string, Set<TestSocket>>();

  publish(topic: string, text: string): boolean {
    for (const socket of this.#topics.get(topic) ?? []) socket.send(text);
    return true;
  }

  subscribe(topic: string, socket: TestSocket): boolean {
    const subscribers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, subscribers.add(socket));
    return true;
  }

  unsubscribe(topic: string, socket: TestSocket): boolean {
    return this.#topics.get(topic)?.delete(socket) ?? false;
  }

  leave(socket: TestSocket): void {
    for (const subscribers of this.#topics.values()) subscribers.delete(socket);
  }
}

/** One client's socket. `onFrame` is called with each frame once it is taken whole. */
export class TestSocket implements NativeSocket {
  readonly #network: TestNetwork;
  readonly #onFrame: (frame: ServerFrame) => void;
  readonly #data: SocketData = { originAllowed: true, socket: undefined, receiver: undefined };
  #waiting: string[] = [];
  #waitingBytes = 0;
  #takenOfFirst = 0;
  /** Takes everything at once. */
  readonly fast: boolean;
  /** The most that ever waited. */
  peakBytes = 0;
  endedWith: number | undefined;

  constructor(network: TestNetwork, fast: boolean, onFrame: (frame: ServerFrame) => void) {
    this.#network = network;
    this.fast = fast;
    this.#onFrame = onFrame;
  }

  set receiver(receiver: SocketReceiver) {
    this.#data.receiver = receiver;
  }

  /** From the client to the edge. */
  say(frame: ClientFrame): void {
    if (this.endedWith === undefined) this.#data.receiver?.onText(JSON.stringify(frame));
  }

  /** The client takes up to this many bytes of what waits. */
  take(bytes: number): void {
    const taken = Math.min(bytes, this.#waitingBytes);
    if (taken === 0) return;
    this.#waitingBytes -= taken;
    this.#takenOfFirst += taken;
    while (this.#takenOfFirst >= (this.#waiting[0]?.length ?? Infinity)) this.#arrive(this.#waiting.shift() ?? "");
    if (this.endedWith === undefined) this.#data.receiver?.onDrain();
  }

  getUserData = (): SocketData => this.#data;
  getBufferedAmount = (): number => this.#waitingBytes;
  ping = (): number => 1;
  subscribe = (topic: string): boolean => this.#network.subscribe(topic, this);
  unsubscribe = (topic: string): boolean => this.#network.unsubscribe(topic, this);

  send(text: string): number {
    this.#waiting.push(text);
    this.#waitingBytes += text.length;
    if (this.fast) {
      this.#waitingBytes = 0;
      this.#arrive(this.#waiting.shift() ?? "");
      return 1;
    }
    this.peakBytes = Math.max(this.peakBytes, this.#waitingBytes);
    return 0;
  }

  end(code = 1005): void {
    if (this.endedWith !== undefined) return;
    this.endedWith = code;
    this.#network.leave(this);
    this.#data.socket?.ended();
    this.#data.receiver?.onClose(code);
  }

  close(): this {
    this.end(1006);
    return this;
  }

  #arrive(text: string): void {
    this.#takenOfFirst = Math.max(0, this.#takenOfFirst - text.length);
    const frame = parseServerFrame(text);
    if (frame === undefined) throw new Error(`no frame: ${text.slice(0, 200)}`);
    this.#onFrame(frame);
  }
}
