// What a chaos run and its clients' process say to each other.

/** `ask`: begin. `finish`: end what was begun. `look`: compare. `leave`: all but one of a room. `close`: all. */
export interface ClientsOrder {
  readonly do: "ask" | "finish" | "look" | "leave" | "close";
  /** With `look`: all agents have left. */
  readonly agentsLeft?: boolean;
}

/** A question that the session has acknowledged: what it says decides what the agent answers. */
export interface Asked {
  readonly text: string;
  readonly runId: string;
}

export interface RoomAsked {
  readonly id: string;
  readonly asked: readonly Asked[];
}

export type ClientsWord = ClientsProgress | ClientsSeen;

export interface ClientsProgress {
  readonly is: "progress";
  /** Clients whose view is current. */
  readonly live: number;
  /** The others, and what each says of itself. */
  readonly away: readonly string[];
  readonly asked: number;
  readonly done: number;
  /** Nobody waits for an answer. */
  readonly idle: boolean;
  readonly complaints: readonly string[];
}

export interface ClientsSeen {
  readonly is: "seen";
  readonly complaints: readonly string[];
  readonly rooms: readonly RoomAsked[];
}

export const isClientsWord = (message: unknown): message is ClientsWord =>
  typeof message === "object" &&
  message !== null &&
  "is" in message &&
  (message.is === "progress" || message.is === "seen");
