import type { PerdureError } from "@perdure/core";
import type { NodeMessage } from "./node-messages.ts";

/** What carries an agent's stream to a node. gRPC is one; tests have their own. */
export interface Transport {
  /** Opens a stream; whatever goes wrong is told through `onClosed`, once. */
  open(token: string, listener: StreamListener): AgentStream;
}

export interface StreamListener {
  onMessage(message: NodeMessage): void;
  /** The stream is over; without an error: in good order. */
  onClosed(error: PerdureError | undefined): void;
}

export interface AgentStream {
  /** An encoded ConnectRequest. */
  readonly send: (bytes: Uint8Array) => void;
  /** Drops the stream at once; `onClosed` is not called any more. */
  readonly drop: () => void;
}
