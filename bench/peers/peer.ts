import type { CrowdClient } from "../crowd/messages.ts";

/** A way to bring tokens from a publisher to screens, with its servers running. One channel, named by the bench. */
export interface Peer {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  /** The process that clients are connected to. */
  readonly pid: number;
  publish(token: string): void;
  /** A client that follows the channel, as a crowd opens it. */
  readonly client: CrowdClient;
  /** Reads one client's frames. */
  newReader(): Reader;
  stop(): Promise<void>;
}

/** One client's side of a protocol, across connections. */
export interface Reader {
  /** What to say when a connection is open; again after each reconnect, with the place reached. */
  greet(): string;
  /** The tokens of a frame, and what to answer to it. */
  read(frame: string): { readonly texts: readonly string[]; readonly answer?: string | undefined };
}

/** How much of their times the peers keep: a tenth lets a tenth of the time stand for the whole. */
export interface Memory {
  readonly scale: number;
}

/** What was asked of Centrifugo, and the documented defaults of the others, at full length. */
export const historySize = 1_000;
export const historyMs = 300_000;
export const recoveryMs = 120_000;
export const streamLength = 10_000;

/** A field of an unknown value. */
export function field(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) found = typeof found === "object" && found !== null ? Reflect.get(found, name) : undefined;
  return found;
}
