import type { WebSocket } from "uWebSockets.js";
import type { EdgeLimits } from "./limits.ts";

/** What uWebSockets keeps for a socket; the last two are filled in when it is open. */
export interface SocketData {
  readonly originAllowed: boolean;
  socket: Socket | undefined;
  receiver: SocketReceiver | undefined;
}

/** What a socket tells its connection. */
export interface SocketReceiver {
  onText(text: string): void;
  onBinary(): void;
  onTooLarge(): void;
  /** A control frame; only that something was heard. */
  onHeard(): void;
  /** More waits in answers than may, and this one was not sent. */
  onFull(): void;
  /** Some of what waited has gone out. */
  onDrain(): void;
  onClose(code: number): void;
}

/** Of uWebSockets' socket, what is used. */
export type NativeSocket = Pick<
  WebSocket<SocketData>,
  "close" | "end" | "getBufferedAmount" | "getUserData" | "ping" | "send" | "subscribe" | "unsubscribe"
>;

export type SocketLimits = Pick<EdgeLimits, "maxBufferedBytes" | "maxAnswerBytes">;

/** A WebSocket that may be spoken to at any time: after its end nothing happens. */
export class Socket {
  readonly #ws: NativeSocket;
  readonly #limits: SocketLimits;
  #open = true;
  /** What was sent since the last time that no more than the cap waited. */
  #beyondBytes = 0;

  constructor(ws: NativeSocket, limits: SocketLimits) {
    this.#ws = ws;
    this.#limits = limits;
  }

  get open(): boolean {
    return this.#open;
  }

  /** What waits to go out, in bytes. */
  get bufferedBytes(): number {
    return this.#open ? this.#ws.getBufferedAmount() : 0;
  }

  send(text: string): void {
    if (!this.#open) return;
    this.#beyondBytes = this.bufferedBytes > this.#limits.maxBufferedBytes ? this.#beyondBytes + text.length : 0;
    if (this.#beyondBytes > this.#limits.maxAnswerBytes) this.#ws.getUserData().receiver?.onFull();
    else this.#ws.send(text);
  }

  ping(): void {
    if (this.#open) this.#ws.ping();
  }

  subscribe(topic: string): void {
    if (this.#open) this.#ws.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    if (this.#open) this.#ws.unsubscribe(topic);
  }

  /** Closes in good order: what waits goes out first. */
  end(code: number, reason: string): void {
    if (this.#open) this.#ws.end(code, reason);
  }

  /** Cuts the connection. */
  cut(): void {
    if (this.#open) this.#ws.close();
  }

  /** The socket is gone; called by its `close` event. */
  ended(): void {
    this.#open = false;
  }
}
