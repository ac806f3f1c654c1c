import { connect, type Socket } from "node:net";
import { once } from "node:events";
import { parseServerFrame, type ServerFrame } from "@perdure/protocol/frames";

const TEXT = 1;
const CLOSE = 8;

/** A WebSocket client on a bare socket, which can do what a good one does not: stop reading, stay silent, cut off. */
export class TcpClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("readable", () => this.#wake());
    socket.on("close", () => this.#wake());
  }

  static async open(port: number): Promise<TcpClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    const headers = ["Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    socket.write(`GET /v1/connect HTTP/1.1\r\n${headers.join("\r\n")}\r\n${key}\r\n\r\n`);
    await once(socket, "readable");
    const answer: unknown = socket.read();
    if (!String(answer).startsWith("HTTP/1.1 101")) throw new Error(String(answer));
    return new TcpClient(socket);
  }

  send(frame: object): void {
    this.sendText(JSON.stringify(frame));
  }

  /** Frames from clients are masked (RFC 6455, 5.3); a mask of zeros changes nothing. */
  sendText(text: string): void {
    const payload = Buffer.from(text);
    const header = Buffer.alloc(payload.length < 126 ? 6 : payload.length < 0x1_0000 ? 8 : 14);
    header[0] = 0x80 | TEXT;
    header[1] = 0x80 | (header.length === 6 ? payload.length : header.length === 8 ? 126 : 127);
    if (header.length === 8) header.writeUInt16BE(payload.length, 2);
    if (header.length === 14) header.writeUInt32BE(payload.length, 6);
    this.#socket.write(Buffer.concat([header, payload]));
  }

  /** Sends the first half of a frame, and no more. */
  sendHalf(): void {
    this.#socket.write(Buffer.from([0x80 | TEXT, 0x80 | 100, 0, 0, 0, 0, 0x7b]));
  }

  /** Takes one byte of what is there. */
  async byte(): Promise<void> {
    await this.#fill(this.#received.length + 1);
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** Reads until a frame of one of these kinds. */
  async next(...kinds: readonly string[]): Promise<ServerFrame> {
    for (;;) {
      const frame = await this.#frame(kinds);
      if (kinds.includes(kindOf(frame))) return frame;
    }
  }

  /** Reads on to a frame of this kind: all that came, and it. */
  async until(kind: string): Promise<ServerFrame[]> {
    const frames: ServerFrame[] = [];
    for (;;) {
      const frame = await this.#frame([kind]);
      frames.push(frame);
      if (kindOf(frame) === kind) return frames;
    }
  }

  /** Reads on to the end: the frames, and the code of the close frame; 1006 where there was none. */
  async rest(): Promise<{ readonly frames: ServerFrame[]; readonly code: number; readonly reason: string }> {
    const frames: ServerFrame[] = [];
    for (;;) {
      const message = await this.#message();
      if (message === undefined) return { frames, code: 1006, reason: "" };
      if (message.opcode === CLOSE) {
        return { frames, code: message.payload.readUInt16BE(0), reason: message.payload.subarray(2).toString() };
      }
      const frame = message.opcode === TEXT ? parseServerFrame(message.text) : undefined;
      if (frame !== undefined) frames.push(frame);
    }
  }

  /** The next frame, on the way to those that are waited for. */
  async #frame(waitedFor: readonly string[]): Promise<ServerFrame> {
    const before = `before ${waitedFor.join(", ")}`;
    for (;;) {
      const message = await this.#message();
      if (message === undefined) throw new Error(`the connection ended ${before}`);
      if (message.opcode === CLOSE) throw new Error(`closed ${before}: ${message.payload.subarray(2).toString()}`);
      const frame = message.opcode === TEXT ? parseServerFrame(message.text) : undefined;
      if (frame !== undefined) return frame;
    }
  }

  async #message(): Promise<{ opcode: number; payload: Buffer; text: string } | undefined> {
    const head = await this.#take(2);
    if (head === undefined) return undefined;
    const short = (head[1] ?? 0) & 127;
    const extended = short === 126 ? await this.#take(2) : short === 127 ? await this.#take(8) : undefined;
    const length = extended === undefined ? short : Number(`0x${extended.toString("hex")}`);
    const payload = length === 0 ? Buffer.alloc(0) : await this.#take(length);
    if (payload === undefined) return undefined;
    return { opcode: (head[0] ?? 0) & 15, payload, text: payload.toString() };
  }

  /** Resolves when there is more to read, or the end. */
  #something(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    return promise;
  }

  async #take(size: number): Promise<Buffer | undefined> {
    if (!(await this.#fill(size))) return undefined;
    const taken = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    return taken;
  }

  /** Reads until so much is here, and no more than that; false: it ended before. */
  async #fill(size: number): Promise<boolean> {
    while (this.#received.length < size) {
      const missing = size - this.#received.length;
      const chunk: unknown = this.#socket.read(Math.min(missing, this.#socket.readableLength)) ?? undefined;
      if (chunk instanceof Buffer && chunk.length > 0) this.#received = Buffer.concat([this.#received, chunk]);
      else if (this.#socket.readableEnded || this.#socket.destroyed) return false;
      else await this.#something();
    }
    return true;
  }
}

const kindOf = (frame: ServerFrame): string => ("t" in frame ? frame.t : frame[0]);
