import type { ClientFrame, ServerFrame } from "@perdure/protocol/frames";
import { fieldsOf } from "../fields.ts";
import type { Socket, SocketConstructor } from "../environment.ts";

/** A network that a test plays: every socket that the client opens, and what it sent. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = [];
  readonly constructorOf: SocketConstructor;

  constructor() {
    const { sockets } = this;
    this.constructorOf = class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    };
  }

  /** The socket that was opened last. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("no socket was opened yet");
    return socket;
  }
}

export class FakeSocket implements Socket {
  onopen: (() => unknown) | null = null;
  onmessage: ((event: { readonly data: unknown }) => unknown) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => unknown) | null = null;
  onerror: (() => unknown) | null = null;
  readonly url: string;
  /** The frames that the client sent. */
  readonly sent: Readonly<Record<string, unknown>>[] = [];
  /** With which code the client closed it. */
  closedWith: number | undefined;

  constructor(url: string) {
    this.url = url;
  }

  send(data: string): void {
    const frame: unknown = JSON.parse(data);
    this.sent.push(fieldsOf(frame));
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  /** The connection is made. */
  open(): void {
    this.onopen?.();
  }

  /** A frame from the server. */
  receive(frame: ServerFrame): void {
    this.receiveText(JSON.stringify(frame));
  }

  receiveText(data: unknown): void {
    this.onmessage?.({ data });
  }

  /** The server, or the network, has ended it. */
  end(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  /** What was sent of this kind. */
  sentOf(kind: ClientFrame["t"]): Readonly<Record<string, unknown>>[] {
    return this.sent.filter(({ t }) => t === kind);
  }
}
