import { createServer, request as httpRequest } from "node:http";
import type { IncomingHttpHeaders, OutgoingHttpHeaders, Server } from "node:http";
import { connect } from "node:net";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openGate } from "./gate.ts";
import { oneTimeCodes } from "./one-time-codes.ts";
import type { OneTimeCodes } from "./one-time-codes.ts";
import type { Asset } from "./page.ts";
import { openRelay } from "./relay.ts";
import { createWebServer } from "./web-server.ts";
import type { WebServerOptions } from "./web-server.ts";

const KEY = new Uint8Array(32).fill(7);
const asset = (text: string): Asset => ({ type: "text/plain", content: Buffer.from(text), etag: `"${text}"` });

let port: number;
let killed: string[];
let codes: OneTimeCodes;
let plain: { server: Server; port: number };

beforeEach(async () => {
  killed = [];
  codes = oneTimeCodes(() => 0);
  plain = await listen(
    createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: first\n\n");
    }),
  );
  const relay = openRelay({ edgePort: () => plain.port, plainPort: () => plain.port }, () => performance.now());
  const { promise: options, resolve } = Promise.withResolvers<WebServerOptions>();
  const server = createWebServer(options);
  ({ port } = await listen(server));
  resolve({
    page: { document: asset("document"), assets: new Map([["/assets/main-1.js", asset("script")]]) },
    gate: openGate({ port, hosts: ["localhost", "127.0.0.1", "::1"], key: KEY }),
    codes,
    relay,
    controls: {
      token: () => Promise.resolve({ token: "t", expiresMs: 1 }),
      state: (session, from) => Promise.resolve({ session, from }),
      kill: (what) => killed.push(what),
      link: (session) => (session === "broken" ? Promise.reject(new Error("secret path")) : Promise.resolve({})),
    },
  });
});

async function listen(server: Server): Promise<{ server: Server; port: number }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(method: string, path: string, headers: OutgoingHttpHeaders = {}, body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const request = httpRequest({ host: "127.0.0.1", port, path, method, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () =>
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }),
    );
  });
  request.on("error", reject).end(body);
  return promise;
}

const JSON_TYPE = { "content-type": "application/json" };
const post = (path: string, body: object, headers: OutgoingHttpHeaders = {}): Promise<Answer> =>
  ask("POST", path, { ...JSON_TYPE, ...headers }, JSON.stringify(body));

async function enter(): Promise<{ cookie: string }> {
  const answer = await post("/api/enter", { code: codes.issue(1_000) });
  return { cookie: (answer.headers["set-cookie"]?.[0] ?? "").split(";")[0] ?? "" };
}

describe("entering", () => {
  it("gives a cookie that scripts and other pages cannot use, for a code", async () => {
    const answer = await post("/api/enter", { code: codes.issue(1_000) });
    expect(answer.status).toBe(200);
    expect(answer.headers["set-cookie"]?.[0]).toMatch(/^perdure_\d+=\S+; HttpOnly; SameSite=Strict; Path=\//);
  });

  it("refuses a code that was used", async () => {
    const code = codes.issue(1_000);
    await post("/api/enter", { code });
    const again = await post("/api/enter", { code });
    expect([again.status, again.headers["set-cookie"]]).toEqual([403, undefined]);
    expect(again.body).toContain("link_expired");
  });

  it("is needed for everything but the page itself", async () => {
    expect((await ask("GET", "/")).status).toBe(200);
    expect((await ask("GET", "/s/welcome")).status).toBe(200);
    expect((await ask("GET", "/assets/main-1.js")).status).toBe(200);
    const refused = [
      await ask("GET", "/api/state?session=s&from=0"),
      await ask("GET", "/relay/d/plain?session=s"),
      await post("/api/token", {}),
      await post("/api/kill", { what: "agent" }),
      await post("/api/link", { session: "s" }),
      await post("/api/offline", { device: "d", forMs: 10 }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401, 401]);
    expect(killed).toEqual([]);
  });

  it("does not count with a cookie that somebody else signed, or none that is one", async () => {
    const foreign = await openGate({ port, hosts: [], key: new Uint8Array(32).fill(8) }).cookie();
    for (const cookie of [foreign.split(";")[0] ?? "", `perdure_${port}=`, `perdure_${port}=a.b.c`, "other=1"]) {
      expect((await post("/api/kill", { what: "agent" }, { cookie })).status).toBe(401);
    }
    expect(killed).toEqual([]);
  });
});

describe("other names and other pages", () => {
  it("are refused by Host, on the page too (DNS rebinding)", async () => {
    const cookie = await enter();
    const host = `evil.example:${port}`;
    expect((await ask("GET", "/", { host })).body).toContain("forbidden_host");
    expect((await post("/api/token", {}, { ...cookie, host })).status).toBe(403);
  });

  it("are refused by Origin, with the cookie too", async () => {
    const cookie = await enter();
    const good = { ...cookie, host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` };
    expect((await post("/api/kill", { what: "agent" }, good)).status).toBe(200);
    for (const origin of ["http://evil.example", "null", `http://localhost:${port}`, `https://127.0.0.1:${port}`]) {
      expect((await post("/api/kill", { what: "agent" }, { ...good, origin })).body).toContain("forbidden_origin");
    }
    expect(killed).toEqual(["agent"]);
  });

  it("cannot open a WebSocket", async () => {
    const { cookie } = await enter();
    const attempt = async (headers: string): Promise<string> => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const socket = connect(port, "127.0.0.1");
      let heard = "";
      socket.on("data", (chunk) => (heard += chunk.toString())).on("close", () => resolve(heard));
      socket.write(`GET /relay/d/edge HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n${headers}\r\n`);
      return promise;
    };
    const host = `host: 127.0.0.1:${port}\r\n`;
    expect(await attempt(`${host}origin: http://evil.example\r\ncookie: ${cookie}\r\n`)).toContain("403");
    expect(await attempt(host)).toContain("403");
    expect(await attempt(`host: evil.example\r\ncookie: ${cookie}\r\n`)).toContain("403");
  });
});

describe("controls", () => {
  it("take POST with JSON that they know, and nothing else", async () => {
    const cookie = await enter();
    expect((await ask("GET", "/api/kill", cookie)).status).toBe(404);
    expect((await ask("DELETE", "/api/kill", cookie)).status).toBe(404);
    expect(
      (await ask("POST", "/api/kill", { ...cookie, "content-type": "text/plain" }, '{"what":"agent"}')).status,
    ).toBe(400);
    for (const body of ["", "null", "[]", "{", '{"what":"broker"}', `{"what":"${"a".repeat(5_000)}"}`]) {
      expect((await ask("POST", "/api/kill", { ...cookie, ...JSON_TYPE }, body)).status).toBe(400);
    }
    expect((await post("/api/offline", { device: "../x", forMs: 10 }, cookie)).status).toBe(400);
    expect((await post("/api/offline", { device: "d", forMs: 1e9 }, cookie)).status).toBe(400);
    expect((await post("/api/token", { role: "service" }, cookie)).status).toBe(400);
    expect((await ask("GET", "/api/state?session=~pool.x&from=0", cookie)).status).toBe(400);
    expect(killed).toEqual([]);
  });

  it("say nothing about the inside when they fail", async () => {
    const cookie = await enter();
    const answer = await post("/api/link", { session: "broken" }, cookie);
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body)).toEqual({ code: "internal", message: "the server failed" });
  });
});

describe("the plain stream through the relay", () => {
  it("arrives as it is made, and ends at once when its device is cut off", async () => {
    const cookie = await enter();
    const stream = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<void>();
    httpRequest({ host: "127.0.0.1", port, path: "/relay/d/plain?session=s", headers: cookie }, (response) => {
      response.once("data", (chunk: Buffer) => stream.resolve(chunk.toString()));
      response.once("close", ended.resolve);
      response.on("error", () => {});
    })
      .on("error", () => {})
      .end();
    expect(await stream.promise).toBe("data: first\n\n");
    await post("/api/offline", { device: "d", forMs: 60_000 }, cookie);
    await ended.promise;
    await expect(ask("GET", "/relay/d/plain?session=s", cookie)).rejects.toThrow(/hang up|ECONNRESET/);
  });
});
