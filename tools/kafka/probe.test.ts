import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { brokerAnswers, brokersKnown } from "./probe.ts";

async function listen(onSocket: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer(onSocket).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? `127.0.0.1:${address.port}` : "";
}

test("nothing that listens is no broker", async () => {
  expect(await brokerAnswers("127.0.0.1:1")).toBe(false);
  expect(await brokersKnown("127.0.0.1:1")).toBe(0);
});

test("a server that speaks something else is no broker", async () => {
  const web = await listen((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  expect(await brokerAnswers(web)).toBe(false);
});

test("a server that closes at once, or says nothing in time, is no broker", async () => {
  expect(await brokerAnswers(await listen((socket) => socket.destroy()))).toBe(false);
  expect(await brokerAnswers(await listen(() => {}), 50)).toBe(false);
});
