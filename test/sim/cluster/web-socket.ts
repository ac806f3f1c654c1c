import type { Socket } from "../../../packages/client/src/environment.ts";
import type { SimProcess } from "../world/process.ts";
import type { Wire, Wires } from "../world/wire.ts";

const ABNORMAL_CLOSE = 1006;

/** Hears what passes over the sockets of one process. */
export interface SocketTap {
  /** A new connection; what was heard before does not go on here. */
  opened(): void;
  sent(text: string): void;
  received(text: string): void;
}

/** The WebSocket of one simulated process, as a class to be handed to its client. */
export function webSocketOf(process: SimProcess, wires: Wires, tap: SocketTap): new (url: string) => Socket {
  return class SimClientSocket implements Socket {
    onopen: (() => unknown) | null = null;
    onmessage: ((event: { readonly data: unknown }) => unknown) | null = null;
    onclose: ((event: { readonly code: number; readonly reason: string }) => unknown) | null = null;
    onerror: (() => unknown) | null = null;
    #wire: Wire | undefined;
    #over = false;

    constructor(url: string) {
      wires.connect(process, new URL(url).hostname, (wire) => this.#opened(wire));
    }

    send(text: string): void {
      if (this.#over) return;
      tap.sent(text);
      this.#wire?.send({ kind: "text", text });
    }

    close(code = 1000, reason = ""): void {
      if (this.#over) return;
      this.#wire?.send({ kind: "close", code, text: reason });
      this.#wire?.close();
      this.#over = true;
      process.after(0, () => this.onclose?.({ code, reason }));
    }

    #opened(wire: Wire | undefined): void {
      if (this.#over) return wire?.close();
      if (wire === undefined) return this.#closed(ABNORMAL_CLOSE, "");
      this.#wire = wire;
      wire.listener = {
        onPacket: ({ kind, text = "", code = ABNORMAL_CLOSE }) => {
          if (kind === "text") this.#heard(text);
          else if (kind === "ping") wire.send({ kind: "pong" });
          else if (kind === "close") this.#closed(code, text);
        },
        onClosed: () => this.#closed(ABNORMAL_CLOSE, ""),
      };
      tap.opened();
      this.onopen?.();
    }

    #heard(data: string): void {
      if (this.#over) return;
      tap.received(data);
      this.onmessage?.({ data });
    }

    #closed(code: number, reason: string): void {
      if (this.#over) return;
      this.#over = true;
      this.#wire?.close();
      this.onerror?.();
      this.onclose?.({ code, reason });
    }
  };
}
