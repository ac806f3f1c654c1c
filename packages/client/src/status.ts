import type { ConnectionState } from "./connection-state.ts";
import type { LinkState } from "./session-link.ts";

/**
 * What to show people. `live`: what is shown is current. `lagging`: connected, but this device takes less than there
 * is: what is shown is older until it has caught up. `connecting`: on the way there. `offline`: waits until
 * `retryAt`. `refused`: trying again does not help, see `code`. `closed`: the app is done with it.
 */
export type StatusName = "connecting" | "live" | "lagging" | "offline" | "refused" | "closed";

export interface Status {
  readonly state: StatusName;
  /** Why it is not live, from the table of codes. */
  readonly code: string | undefined;
  /** What to do next, for people. */
  readonly message: string | undefined;
  readonly retryAt: Date | undefined;
}

export function connectionStatus({ phase, failure, retryAtMs }: ConnectionState): Status {
  const told = { code: failure?.code, message: failure?.message, retryAt: dateOf(retryAtMs) };
  switch (phase) {
    case "idle":
    case "authorizing":
    case "opening":
    case "greeting":
      return { ...told, state: "connecting" };
    case "open":
      return { ...told, state: "live" };
    case "waiting":
      return { ...told, state: "offline" };
    case "stopped":
      return { ...told, state: failure?.code === "closed" ? "closed" : "refused" };
  }
}

export function sessionStatus(connection: ConnectionState, link: LinkState): Status {
  if (connection.phase !== "open") return connectionStatus(connection);
  const { phase, failure, retryAtMs } = link;
  const told = { code: failure?.code, message: failure?.message, retryAt: dateOf(retryAtMs) };
  switch (phase) {
    case "live":
      return { ...told, state: "live" };
    case "lagging":
      return { ...told, state: "lagging", message: "The connection is slow; what is shown catches up with it." };
    case "attaching":
    case "detached":
      return { ...told, state: "connecting" };
    case "waiting":
      return { ...told, state: "offline" };
    case "refused":
      return { ...told, state: "refused" };
  }
}

export const sameStatus = (one: Status, other: Status): boolean =>
  one.state === other.state && one.code === other.code && one.retryAt?.getTime() === other.retryAt?.getTime();

const dateOf = (atMs: number | undefined): Date | undefined => (atMs === undefined ? undefined : new Date(atMs));
