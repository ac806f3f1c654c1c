// Stands in for @grpc/grpc-js in a simulation: streams and calls over simulated wires, at both ends.
import { EventEmitter } from "node:events";
import type { Packet, Wire } from "../world/wire.ts";
import { currentProcess, currentWorld, judgeSilence } from "../world/world.ts";

export const status = { OK: 0, CANCELLED: 1, UNKNOWN: 2, UNAVAILABLE: 14 } as const;

/** Dead connections are found by pings: so often, and after so long without an answer. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;

/** Headers and trailers, each of one value. */
export class Metadata {
  readonly fields: Record<string, string> = {};

  set(name: string, value: string): void {
    this.fields[name] = value;
  }

  add(name: string, value: string): void {
    this.set(name, value);
  }

  get(name: string): string[] {
    const value = this.fields[name];
    return value === undefined ? [] : [value];
  }

  static of(fields: Readonly<Record<string, string>>): Metadata {
    const metadata = new Metadata();
    Object.assign(metadata.fields, fields);
    return metadata;
  }
}

interface Status {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

type Handler = (call: ServerCall, callback?: (error: Status | null, answer?: Buffer) => void) => void;

export const ServerCredentials = { createInsecure: (): object => ({}), createSsl: (): object => ({}) };
export const credentials = { createInsecure: (): object => ({}), createSsl: (): object => ({}) };

/** The server's end of a call. */
class ServerCall extends EventEmitter {
  readonly metadata: Metadata;
  readonly request: Buffer;
  cancelled = false;
  readonly #wire: Wire;
  /** As a Readable does: what comes waits until somebody listens. */
  #paused = true;
  #ended = false;
  #held: Packet[] = [];
  #cancelWatch: () => void = () => undefined;

  constructor(wire: Wire, metadata: Metadata, request: Buffer) {
    super();
    this.#wire = wire;
    this.metadata = metadata;
    this.request = request;
    // An answer with an error ends the call, as in grpc-js.
    super.on("error", (error: Status) => this.#finish(error));
    super.on("newListener", (event: string) => {
      if (event === "data") process.nextTick(() => this.resume());
    });
    wire.listener = { onPacket: (packet) => this.#heard(packet), onClosed: () => this.#broken() };
    this.#watch();
  }

  write(bytes: Buffer, written?: () => void): boolean {
    if (this.#ended) return false;
    this.#wire.send({ kind: "message", bytes });
    if (written !== undefined) this.#wire.process.after(1, written);
    return true;
  }

  end(): void {
    this.#finish({ code: status.OK, details: "", metadata: new Metadata() });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    // Taking one may pause it again.
    for (const packet of held) this.#heard(packet);
  }

  /** The client's pings come as long as it can be reached. */
  #watch(): void {
    this.#cancelWatch();
    this.#cancelWatch = this.#wire.process.after(KEEPALIVE_MS + KEEPALIVE_TIMEOUT_MS, () => this.#broken());
  }

  #heard(packet: Packet): void {
    if (this.#ended) return;
    this.#watch();
    if (packet.kind === "keepalive") return this.#wire.send({ kind: "keepalive" });
    if (packet.kind === "cancel") return this.#broken();
    if (this.#paused) this.#held.push(packet);
    else this.#take(packet);
  }

  #take({ kind, bytes }: Packet): void {
    if (kind === "message" && bytes !== undefined) this.emit("data", Buffer.from(bytes));
    else if (kind === "end") this.emit("end");
  }

  #broken(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelWatch();
    this.cancelled = true;
    this.#wire.close();
    // As grpc-js does: the reading side ends first.
    this.emit("end");
    this.emit("cancelled");
  }

  #finish({ code, details, metadata }: Status): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelWatch();
    if (metadata.get("perdure-code")[0] === "idle_timeout") judgeSilence(this.#wire);
    this.#wire.send({ kind: "status", code, text: details, fields: { ...metadata.fields } });
    this.#wire.close();
  }
}

export class Server {
  readonly #handlers = new Map<string, Handler>();
  readonly #process = currentProcess();
  #address = "";

  register(path: string, handler: Handler): boolean {
    this.#handlers.set(path, handler);
    return true;
  }

  addService(): void {
    // Health and reflection are not simulated.
  }

  bindAsync(address: string, _credentials: object, bound: (error: null, port: number) => void): void {
    this.#address = address.slice(0, address.lastIndexOf(":"));
    currentWorld().wires.listen(this.#address, this.#process, (wire) => this.#accept(wire));
    bound(null, 1);
  }

  tryShutdown(done: () => void): void {
    this.forceShutdown();
    done();
  }

  forceShutdown(): void {
    currentWorld().wires.unlisten(this.#address, this.#process);
  }

  #accept(wire: Wire): void {
    wire.listener = {
      onClosed: () => undefined,
      onPacket: ({ kind, text = "", bytes = new Uint8Array(), fields = {} }) => {
        const handler = this.#handlers.get(text);
        if (kind !== "call" || handler === undefined) return wire.close();
        const call = new ServerCall(wire, Metadata.of(fields), Buffer.from(bytes));
        handler(call, (error, answer) => {
          if (answer !== undefined) call.write(answer);
          if (error === null) call.end();
          else call.emit("error", error);
        });
      },
    };
  }
}

/** The client's end of a call. */
class ClientCall extends EventEmitter {
  #wire: Wire | undefined;
  #before: Packet[] = [];
  #over = false;
  #cancelPing: () => void = () => undefined;

  open(wire: Wire | undefined): void {
    if (this.#over) return wire?.close();
    if (wire === undefined) return this.#finish(unavailable("no connection"));
    this.#wire = wire;
    wire.listener = {
      onPacket: (packet) => this.#heard(packet),
      onClosed: () => this.#finish(unavailable("the connection broke")),
    };
    for (const packet of this.#before) wire.send(packet);
    this.#before = [];
    this.#keepAlive(wire);
  }

  send(packet: Packet): void {
    if (this.#over) return;
    if (this.#wire === undefined) this.#before.push(packet);
    else this.#wire.send(packet);
  }

  write(bytes: Uint8Array): boolean {
    this.send({ kind: "message", bytes: Uint8Array.from(bytes) });
    return true;
  }

  end(): void {
    this.send({ kind: "end" });
  }

  cancel(): void {
    this.send({ kind: "cancel" });
    this.#wire?.close();
    // As grpc-js does: whoever cancels is not told before it has gone on.
    process.nextTick(() => this.#finish({ code: status.CANCELLED, details: "cancelled", metadata: new Metadata() }));
  }

  #keepAlive(wire: Wire): void {
    this.#cancelPing = wire.process.after(KEEPALIVE_MS, () => {
      wire.send({ kind: "keepalive" });
      this.#cancelPing = wire.process.after(KEEPALIVE_TIMEOUT_MS, () => {
        wire.close();
        this.#finish(unavailable("the connection is silent"));
      });
    });
  }

  #heard({ kind, bytes, code = status.UNKNOWN, text = "", fields = {} }: Packet): void {
    if (kind === "keepalive" && this.#wire !== undefined) {
      this.#cancelPing();
      this.#keepAlive(this.#wire);
    }
    if (kind === "message" && bytes !== undefined) this.emit("data", Buffer.from(bytes));
    if (kind === "status") this.#finish({ code, details: text, metadata: Metadata.of(fields) });
  }

  #finish(ended: Status): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelPing();
    if (ended.code !== status.OK) this.emit("error", Object.assign(new Error(ended.details), ended));
    else this.emit("end");
    this.emit("status", ended);
  }
}

const unavailable = (details: string): Status => ({ code: status.UNAVAILABLE, details, metadata: new Metadata() });

type Convert = (bytes: Buffer) => Buffer;
type UnaryCallback = (error: (Error & Status) | null, answer?: Buffer) => void;

export class Client {
  readonly #address: string;

  constructor(address: string) {
    this.#address = address.replace(/:\d+$/, "");
  }

  makeBidiStreamRequest(path: string, _write: Convert, _read: Convert, metadata: Metadata): ClientCall {
    return this.#call({ kind: "call", text: path, fields: { ...metadata.fields } });
  }

  makeUnaryRequest(
    path: string,
    _write: Convert,
    _read: Convert,
    bytes: Buffer,
    metadata: Metadata,
    ...rest: readonly unknown[]
  ): ClientCall {
    const callback = rest.findLast((each): each is UnaryCallback => typeof each === "function");
    const call = this.#call({ kind: "call", text: path, bytes, fields: { ...metadata.fields } });
    let answer: Buffer | undefined;
    call.on("data", (message: Buffer) => {
      answer = message;
    });
    call.on("error", (error: Error & Status) => callback?.(error));
    call.on("end", () => callback?.(null, answer));
    return call;
  }

  close(): void {
    // Each call has a wire of its own.
  }

  #call(first: Packet): ClientCall {
    const call = new ClientCall();
    call.send(first);
    currentWorld().wires.connect(currentProcess(), this.#address, (wire) => call.open(wire));
    return call;
  }
}
