import type { ConnectionPhase, ConnectionState } from "./connection-state.ts";
import type { LinkPhase, LinkState } from "./session-link.ts";

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

const BY_CONNECTION: Readonly<Record<ConnectionPhase, StatusName>> = {
  idle: "connecting",
  authorizing: "connecting",
  opening: "connecting",
  greeting: "connecting",
  open: "live",
  waiting: "offline",
  stopped: "refused",
};

const BY_LINK: Readonly<Record<LinkPhase, StatusName>> = {
  detached: "connecting",
  attaching: "connecting",
  live: "live",
  lagging: "lagging",
  waiting: "offline",
  refused: "refused",
};

const LAGGING = "The connection is slow; what is shown catches up with it.";

const statusOf = (state: StatusName, { failure, retryAtMs }: Pick<LinkState, "failure" | "retryAtMs">): Status => ({
  state,
  code: failure?.code,
  message: state === "lagging" ? LAGGING : failure?.message,
  retryAt: retryAtMs === undefined ? undefined : new Date(retryAtMs),
});

export const connectionStatus = (connection: ConnectionState): Status =>
  statusOf(connection.failure?.code === "closed" ? "closed" : BY_CONNECTION[connection.phase], connection);

export const sessionStatus = (connection: ConnectionState, link: LinkState): Status =>
  connection.phase === "open" ? statusOf(BY_LINK[link.phase], link) : connectionStatus(connection);

export const sameStatus = (one: Status, other: Status): boolean =>
  one.state === other.state && one.code === other.code && one.retryAt?.getTime() === other.retryAt?.getTime();
