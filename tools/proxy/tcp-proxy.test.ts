import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { TcpProxy } from "./tcp-proxy.ts";

/** A server that says back what it hears, and remembers it. */
async function echo(name: string): Promise<{ readonly port: number; readonly heard: () => string; stop(): void }> {
  let heard = "";
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => {
      heard += bytes.toString();
      socket.write(name + bytes.toString());
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(stop);
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, heard: () => heard, stop };
}

async function start(targets: readonly number[], random?: () => number): Promise<TcpProxy> {
  const proxy = await TcpProxy.start({ targets, ...(random && { random }) });
  onTestFinished(() => proxy.close());
  return proxy;
}

class Caller {
  readonly #socket: Socket;
  readonly closed: Promise<unknown>;
  heard = "";
  #wake: () => void = () => undefined;

  constructor({ port }: { readonly port: number }) {
    this.#socket = connect(port, "127.0.0.1");
    onTestFinished(() => void this.#socket.destroy());
    this.#socket.on("error", () => undefined);
    this.#socket.on("data", (bytes) => {
      this.heard += bytes.toString();
      this.#wake();
    });
    this.closed = once(this.#socket, "close");
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  async hears(text: string): Promise<void> {
    while (this.heard !== text) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

test("takes its targets in turn, and the next where one refuses", async () => {
  const [one, two] = [await echo("1"), await echo("2")];
  const proxy = await start([one.port, two.port]);
  for (const answer of ["1a", "2a", "1a"]) {
    const caller = new Caller(proxy);
    caller.say("a");
    await caller.hears(answer);
  }
  one.stop();
  for (let round = 0; round < 2; round += 1) {
    const caller = new Caller(proxy);
    caller.say("b");
    await caller.hears("2b");
  }
  expect([one.heard(), two.heard()]).toEqual(["aa", "abb"]);
});

test("closes on its callers where no target takes them", async () => {
  const proxy = await start([]);
  await expect(new Caller(proxy).closed).resolves.toBeDefined();
});

test("cuts what is there and counts it", async () => {
  const proxy = await start([(await echo("")).port]);
  const callers = [new Caller(proxy), new Caller(proxy)];
  for (const caller of callers) caller.say("x");
  for (const caller of callers) await caller.hears("x");
  proxy.cut();
  for (const caller of callers) await caller.closed;
  expect([proxy.cutCount, proxy.connectionCount]).toEqual([2, 0]);
});

test("cuts in the middle of what is sent: the beginning arrives, the rest never does", async () => {
  const server = await echo("");
  const proxy = await start([server.port], () => 0.01);
  const caller = new Caller(proxy);
  caller.say("x");
  await caller.hears("x");
  proxy.cut({ inFrames: true });
  caller.say("123456789");
  await caller.closed;
  expect([server.heard(), proxy.cutCount]).toEqual(["x1234", 1]);
});

test("cuts once so much has come back, also on a connection that is made later; then no more", async () => {
  const proxy = await start([(await echo("")).port]);
  proxy.cut({ afterBytes: 3 });
  const late = new Caller(proxy);
  late.say("12");
  await late.hears("12");
  late.say("3456");
  await late.closed;
  expect([late.heard, proxy.cutCount]).toEqual(["123", 1]);
  const next = new Caller(proxy);
  next.say("all of it");
  await next.hears("all of it");
  proxy.cut({ afterBytes: 0 });
  next.say("x");
  await next.closed;
  expect([next.heard, proxy.cutCount]).toEqual(["all of it", 2]);
});

test("holds until each hold is taken back", async () => {
  const server = await echo("");
  const proxy = await start([server.port]);
  const caller = new Caller(proxy);
  caller.say("x");
  await caller.hears("x");
  proxy.hold();
  proxy.hold();
  caller.say("held");
  proxy.release();
  // As long as it takes to get through without it.
  const direct = new Caller(server);
  direct.say("z");
  await direct.hears("z");
  expect([caller.heard, server.heard()]).toEqual(["x", "xz"]);
  proxy.release();
  await caller.hears("xheld");
});

test("stalls: nothing gets through and nothing breaks, then all of it arrives", async () => {
  const server = await echo("");
  const proxy = await start([server.port]);
  const early = new Caller(proxy);
  early.say("x");
  await early.hears("x");
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  proxy.stall(200);
  const late = new Caller(proxy);
  early.say("held");
  late.say("y");
  // As long as it takes to get through without it.
  const direct = new Caller(server);
  direct.say("z");
  await direct.hears("z");
  expect([early.heard, late.heard, server.heard()]).toEqual(["x", "", "xz"]);
  vi.advanceTimersByTime(200);
  await Promise.all([early.hears("xheld"), late.hears("y")]);
  expect(proxy.cutCount).toBe(0);
});
