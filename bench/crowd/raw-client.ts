import { connect, type Socket } from "node:net";

const textOpcode = 1;
const pingOpcode = 9;
const pongOpcode = 10;

export interface RawClientOptions {
  readonly port: number;
  readonly path: string;
  /** The upgrade is through. */
  readonly onOpen: (client: RawClient) => void;
  /** A text frame, whole. The bytes are valid only during the call. */
  readonly onText: (payload: Buffer, client: RawClient) => void;
  readonly onClose: () => void;
}

/**
 * The least that is a WebSocket client (RFC 6455): thousands of them leave most of the machine to what is measured. It
 * takes unfragmented frames, which is what uWebSockets sends.
 */
export class RawClient {
  readonly #options: RawClientOptions;
  readonly #socket: Socket;
  #rest: Buffer | undefined;
  #upgraded = false;
  /** All bytes that came, with the upgrade and the frames' heads. */
  receivedBytes = 0;

  constructor(options: RawClientOptions) {
    this.#options = options;
    const { port, path } = options;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", options.onClose);
    this.#socket.on("data", (chunk) => this.#take(chunk));
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
  }

  send(text: string): void {
    this.#write(textOpcode, Buffer.from(text));
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** Frames from clients are masked; a mask of zeros changes nothing. */
  #write(opcode: number, payload: Buffer): void {
    const { length } = payload;
    const size = length < 126 ? [0x80 | length] : [0x80 | 126, length >> 8, length & 255];
    this.#socket.write(Buffer.concat([Buffer.from([0x80 | opcode, ...size, 0, 0, 0, 0]), payload]));
  }

  #take(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    if (!this.#upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return void (this.#rest = bytes);
      if (bytes.toString("latin1", 9, 12) !== "101") throw new Error(bytes.toString("latin1", 0, end));
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
      this.#options.onOpen(this);
    }
    const taken = this.#takeFrames(bytes);
    this.#rest = taken === bytes.length ? undefined : Buffer.from(bytes.subarray(taken));
  }

  /** Returns how many bytes were whole frames. */
  #takeFrames(bytes: Buffer): number {
    for (let at = 0; ;) {
      const short = (bytes[at + 1] ?? 0) & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < at + head) return at;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
      const end = at + head + length;
      if (bytes.length < end) return at;
      this.#takeFrame((bytes[at] ?? 0) & 15, bytes.subarray(at + head, end));
      at = end;
    }
  }

  #takeFrame(opcode: number, payload: Buffer): void {
    if (opcode === textOpcode) this.#options.onText(payload, this);
    else if (opcode === pingOpcode) this.#write(pongOpcode, payload);
  }
}
