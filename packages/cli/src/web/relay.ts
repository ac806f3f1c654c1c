/**
 * The way of a device to the servers behind this one: what it sends and gets passes through as it is, so that a device
 * can be cut off on every connection at once, as if its network were gone.
 */
import { request as httpRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";

/** Where the servers behind listen on loopback, now; undefined: not at all. */
export interface Targets {
  edgePort(): number | undefined;
  plainPort(): number | undefined;
}

export interface Relay {
  /** Cuts every connection of the device, and refuses new ones for so long. */
  cut(device: string, durationMs: number): void;
  /** When the device can connect again, in milliseconds from now; 0: it can. */
  cutForMs(device: string): number;
  /** Passes a WebSocket on to the edge under `path`. */
  upgrade(device: string, path: string, request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Passes a request for the plain stream on to the agent under `path`. */
  plain(device: string, path: string, request: IncomingMessage, response: ServerResponse): void;
  close(): void;
}

interface Cuttable {
  destroy(): unknown;
}

// Hop by hop, or nobody's business behind this server.
const NOT_PASSED_ON = new Set(["host", "cookie", "connection"]);

export function openRelay(targets: Targets, nowMs: () => number): Relay {
  const open = new Map<string, Set<Cuttable>>();
  const cutUntilMs = new Map<string, number>();

  const isCut = (device: string): boolean => (cutUntilMs.get(device) ?? 0) > nowMs();
  const hold = (device: string, connection: Cuttable & NodeJS.EventEmitter): void => {
    const set = open.get(device) ?? new Set();
    open.set(device, set.add(connection));
    connection.once("close", () => {
      set.delete(connection);
      if (set.size === 0) open.delete(device);
    });
  };
  const destroyAll = (device: string): void => {
    for (const connection of [...(open.get(device) ?? [])]) connection.destroy();
  };

  return {
    cut(device, durationMs) {
      for (const [other, untilMs] of cutUntilMs) if (untilMs <= nowMs()) cutUntilMs.delete(other);
      cutUntilMs.set(device, nowMs() + durationMs);
      destroyAll(device);
    },
    cutForMs: (device) => Math.max(0, (cutUntilMs.get(device) ?? 0) - nowMs()),
    upgrade(device, path, request, socket, head) {
      const port = targets.edgePort();
      if (isCut(device) || port === undefined) {
        socket.destroy();
        return;
      }
      const upstream = connect(port, "127.0.0.1");
      hold(device, socket);
      upstream.on("error", () => socket.destroy());
      socket.on("error", () => upstream.destroy());
      upstream.on("close", () => socket.destroy());
      socket.on("close", () => upstream.destroy());
      upstream.write(
        `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nconnection: upgrade\r\n${headersOf(request)}\r\n`,
      );
      upstream.write(head);
      upstream.pipe(socket);
      socket.pipe(upstream);
    },
    plain(device, path, request, response) {
      const port = targets.plainPort();
      if (isCut(device) || port === undefined) {
        request.socket.destroy();
        return;
      }
      const upstream = httpRequest({ host: "127.0.0.1", port, path, method: "GET" }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        answer.on("error", () => response.destroy());
      });
      hold(device, request.socket);
      upstream.on("error", () => response.destroy());
      response.on("close", () => upstream.destroy());
      upstream.end();
    },
    close() {
      for (const device of [...open.keys()]) destroyAll(device);
    },
  };
}

function headersOf(request: IncomingMessage): string {
  let text = "";
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index] ?? "";
    if (!NOT_PASSED_ON.has(name.toLowerCase())) text += `${name}: ${request.rawHeaders[index + 1] ?? ""}\r\n`;
  }
  return text;
}
