/** Ports to listen on. */
import { createServer } from "node:net";
import type { Server } from "node:http";
import { CliError } from "./errors.ts";

export const DEFAULT_PORT = 4_000;
const TRIES = 50;

/**
 * Makes `server` listen on `wanted`, or on DEFAULT_PORT or the next one that is free; resolves to the port.
 * Throws CliError `port_in_use`.
 */
export async function listenOn(server: Server, host: string, wanted: number | undefined): Promise<number> {
  const first = wanted ?? DEFAULT_PORT;
  const last = wanted ?? DEFAULT_PORT + TRIES - 1;
  for (let port = first; port <= last; port += 1) {
    if (await listens(server, host, port)) return port;
  }
  throw new CliError(
    "port_in_use",
    wanted === undefined
      ? `every port from ${first} to ${last} is in use: name a free one with --port N`
      : `port ${wanted} is in use: stop what listens there, or name another one with --port N`,
  );
}

async function listens(server: Server, host: string, port: number): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EADDRINUSE") resolve(false);
    else if (error.code === "EACCES")
      reject(new CliError("port_in_use", `port ${port} needs more rights: name another one with --port N`));
    else reject(error);
  };
  server.once("error", onError);
  server.listen(port, host, () => resolve(true));
  return promise.finally(() => server.off("error", onError));
}

/** A port on loopback that is free now: `wanted`, or any. */
export async function freePort(wanted = 0): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.once("error", (error: NodeJS.ErrnoException) => {
    if (wanted !== 0 && error.code === "EADDRINUSE") resolve(freePort());
    else reject(error);
  });
  probe.listen(wanted, "127.0.0.1", () => {
    const address = probe.address();
    probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : wanted));
  });
  return promise;
}
