import type { WebSocket } from "uWebSockets.js";

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
  /** A frame was dropped, because too much waits for this client. */
  onDropped(): void;
  /** Some of what waited has gone out. */
  onDrain(): void;
  onClose(code: number): void;
}

/** A WebSocket that may be spoken to at any time: after its end nothing happens. */
export class Socket {
  readonly #ws: WebSocket<SocketData>;
  #open = true;

  constructor(ws: WebSocket<SocketData>) {
    this.#ws = ws;
  }

  get open(): boolean {
    return this.#open;
  }

  /** What waits to go out, in bytes. */
  get bufferedBytes(): number {
    return this.#open ? this.#ws.getBufferedAmount() : 0;
  }

  send(text: string): void {
    if (this.#open) this.#ws.send(text);
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
