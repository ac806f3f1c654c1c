import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openRelay } from "./relay.ts";
import type { Relay } from "./relay.ts";

let nowMs: number;
let relay: Relay;
let edge: { port: number; requests: string[]; sockets: Socket[] };
let frontPort: number;
let edgeIsUp: boolean;

async function listen(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

// An edge that accepts every upgrade and then says back what it hears.
beforeEach(async () => {
  nowMs = 0;
  edgeIsUp = true;
  edge = { port: 0, requests: [], sockets: [] };
  edge.port = await listen(
    createServer((socket) => {
      edge.sockets.push(socket);
      socket.on("error", () => {});
      socket.once("data", (chunk) => {
        edge.requests.push(chunk.toString());
        socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n");
        socket.pipe(socket);
      });
    }),
  );
  relay = openRelay({ edgePort: () => (edgeIsUp ? edge.port : undefined), plainPort: () => undefined }, () => nowMs);
  onTestFinished(() => relay.close());
  const front = createHttpServer();
  front.on("upgrade", (request, socket, head) => {
    relay.upgrade(String(request.headers["x-device"]), "/v1/connect?x=1", request, socket, head);
  });
  frontPort = await listen(front);
});

interface Device {
  said(text: string): Promise<void>;
  readonly closed: Promise<void>;
  send(text: string): void;
}

function device(name: string): Device {
  const socket = connect(frontPort, "127.0.0.1");
  let heard = "";
  const waiting = new Set<() => void>();
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    heard += chunk.toString();
    for (const check of waiting) check();
  });
  const closed = Promise.withResolvers<void>();
  socket.on("close", () => closed.resolve());
  onTestFinished(() => void socket.destroy());
  socket.write(
    `GET /x HTTP/1.1\r\nhost: me\r\nx-device: ${name}\r\ncookie: secret=1\r\nsec-websocket-key: abc\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n`,
  );
  return {
    closed: closed.promise,
    send: (text) => void socket.write(text),
    said(text) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const check = (): void => {
        if (heard.includes(text)) resolve();
      };
      waiting.add(check);
      check();
      return promise;
    },
  };
}

describe("the relay", () => {
  it("passes both directions on, to its own path, without the cookie", async () => {
    const one = device("one");
    await one.said("101");
    one.send("hello");
    await one.said("hello");
    const [request = ""] = edge.requests;
    expect(request).toContain("GET /v1/connect?x=1 HTTP/1.1\r\n");
    expect(request).toContain("sec-websocket-key: abc\r\n");
    expect(request).toContain(`host: 127.0.0.1:${edge.port}\r\n`);
    expect(request).not.toMatch(/cookie|secret/);
  });

  it("cuts every connection of one device and of no other, on both ends", async () => {
    const [one, same, other] = [device("one"), device("one"), device("other")];
    await Promise.all([one.said("101"), same.said("101"), other.said("101")]);
    relay.cut("one", 10_000);
    await Promise.all([one.closed, same.closed]);
    other.send("still here");
    await other.said("still here");
    const open = edge.sockets.filter((socket) => !socket.destroyed && socket.readyState === "open");
    expect(open.length).toBeLessThanOrEqual(1 + 2);
    await expect.poll(() => edge.sockets.filter((socket) => socket.readyState === "open").length).toBe(1);
  });

  it("refuses a device until its time is over", async () => {
    relay.cut("one", 10_000);
    nowMs = 9_999;
    await device("one").closed;
    expect(relay.cutForMs("one")).toBe(1);
    nowMs = 10_000;
    await device("one").said("101");
    expect(relay.cutForMs("one")).toBe(0);
  });

  it("closes a device's connection when the server behind goes away, and when there is none", async () => {
    const one = device("one");
    await one.said("101");
    edge.sockets[0]?.destroy();
    await one.closed;
    edgeIsUp = false;
    await device("one").closed;
    expect(edge.requests.length).toBe(1);
  });
});
