import type { Code, Level } from "@perdure/core";
import type { ServerFrame } from "@perdure/protocol";
import type { Grant } from "@perdure/service-kit";
import type { Room } from "./room.ts";

/** What a room needs of the connection that an attachment belongs to. */
export interface Subscriber {
  readonly grant: Grant;
  readonly device: string;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  send(frame: ServerFrame): void;
  /** Sends something in passing, where little waits. */
  pass(text: string): void;
  /** Lets go of its subscriptions where too much waits for it. */
  checkPressure(): void;
  /** The room no longer serves this attachment; the client is told the code. */
  detached(attachment: Attachment, code: Code, message: string): void;
}

/** One session on one connection. */
export interface Attachment {
  readonly subscriber: Subscriber;
  readonly room: Room;
  readonly level: Level;
  /** Names the connection in presence. */
  readonly member: string;
}
