import { CODES, type Code } from "@perdure/core";
import type { AgentStream, StreamListener, Transport } from "../../../packages/agent/src/link/transport.ts";

/** Its instance is crashed in the eyes of a session: it comes back as another one. */
const COMES_BACK_AS_ANOTHER: Code = "fenced";

/** Listens in on an agent's streams, over all lives of its process: whether one is welcomed, and with what they end. */
export class TransportTap implements Transport {
  readonly #transport: Transport;
  readonly #onToldForGood: (code: Code) => void;
  #welcomed: object | undefined;

  /** `onToldForGood`: told each code after which an agent need not come back. */
  constructor(transport: Transport, onToldForGood: (code: Code) => void) {
    this.#transport = transport;
    this.#onToldForGood = onToldForGood;
  }

  get isConnected(): boolean {
    return this.#welcomed !== undefined;
  }

  open(token: string, listener: StreamListener): AgentStream {
    const self = {};
    this.#welcomed = undefined;
    const over = (): void => {
      if (this.#welcomed === self) this.#welcomed = undefined;
    };
    const stream = this.#transport.open(token, {
      onMessage: (message) => {
        if (message.case === "welcome") this.#welcomed = self;
        listener.onMessage(message);
      },
      onClosed: (error) => {
        over();
        if (error !== undefined && !CODES[error.code].retryable && error.code !== COMES_BACK_AS_ANOTHER) {
          this.#onToldForGood(error.code);
        }
        listener.onClosed(error);
      },
    });
    return {
      send: stream.send,
      drop: () => {
        over();
        stream.drop();
      },
    };
  }
}
