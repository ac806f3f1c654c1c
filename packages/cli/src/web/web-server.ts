/** The one public port: the page, what its buttons do, and the relay to the servers behind. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { CliError } from "../errors.ts";
import type { Gate } from "./gate.ts";
import { malformed, readJson, sendAsset, sendError, sendJson, textField } from "./http.ts";
import type { OneTimeCodes } from "./one-time-codes.ts";
import type { PageFiles } from "./page.ts";
import type { Relay } from "./relay.ts";

/** As whom the page is used: the machine is that of whoever has its cookie, who may look at either side of a takeover. */
export type PageRole = "user" | "operator";

/** What the page may ask of the supervisor. */
export interface Controls {
  /** A token for the edge, and when it ends (Unix milliseconds). */
  token(role: PageRole): Promise<{ readonly token: string; readonly expiresMs: number }>;
  /** Where everything stands; what the agent produced in the session, from line `from` on. */
  state(session: string, from: number): Promise<object>;
  kill(what: "agent" | "server"): void;
  /** A link for one more device, with a code that works once. */
  link(session: string): Promise<object>;
}

export interface WebServerOptions {
  readonly page: PageFiles;
  readonly gate: Gate;
  readonly codes: OneTimeCodes;
  readonly relay: Relay;
  readonly controls: Controls;
}

const SESSION = /^[A-Za-z0-9_.-]{1,128}$/;
const DEVICE = /^[A-Za-z0-9_-]{1,64}$/;
const CODE = /^[A-Za-z0-9_-]{1,64}$/;
const MAX_OFFLINE_MS = 60_000;

/** A server that does not listen yet; requests wait for `ready`, which needs the port it will have. */
export function createWebServer(ready: Promise<WebServerOptions>): Server {
  const server = createServer((request, response) => {
    ready.then((options) => answer(options, request, response)).catch((error: unknown) => sendError(response, error));
  });
  server.on("upgrade", (request, socket, head) => {
    ready
      .then((options) => upgrade(options, request, socket, head))
      .catch(() => socket.end("HTTP/1.1 403 Forbidden\r\n\r\n"));
  });
  return server;
}

async function answer(options: WebServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { page, gate } = options;
  gate.checkSource(request);
  const url = new URL(request.url ?? "/", "http://host");
  if (request.method === "GET") {
    const asset = page.assets.get(url.pathname);
    if (asset !== undefined) return sendAsset(request, response, asset, true);
    if (url.pathname === "/" || /^\/s\/[^/]+$/.test(url.pathname))
      return sendAsset(request, response, page.document, false);
  }
  if (request.method === "POST" && url.pathname === "/api/enter") return enter(options, request, response);
  await gate.checkCookie(request);
  if (request.method === "GET") return get(options, url, request, response);
  if (request.method === "POST") return post(options, url, request, response);
  throw notFound(url);
}

async function enter(
  { codes, gate }: WebServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request);
  if (!codes.redeem(textField(body, "code", CODE))) {
    throw new CliError("link_expired", "this link was used already or is too old: ask for a new one");
  }
  sendJson(response, {}, { "set-cookie": await gate.cookie() });
}

async function get(
  options: WebServerOptions,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const relayed = relayedPath(url);
  if (relayed?.path.startsWith("/plain?") === true) {
    return options.relay.plain(relayed.device, relayed.path, request, response);
  }
  if (url.pathname !== "/api/state") throw notFound(url);
  const session = url.searchParams.get("session") ?? "";
  const from = Number(url.searchParams.get("from") ?? "0");
  if (!SESSION.test(session) || !Number.isSafeInteger(from) || from < 0)
    throw malformed("'session' or 'from' is not as expected");
  sendJson(response, await options.controls.state(session, from));
}

async function post(
  options: WebServerOptions,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { controls, relay } = options;
  const body = await readJson(request);
  switch (url.pathname) {
    case "/api/token":
      return sendJson(response, await controls.token(roleIn(body)));
    case "/api/offline": {
      const { forMs } = body;
      if (typeof forMs !== "number" || !(forMs > 0 && forMs <= MAX_OFFLINE_MS))
        throw malformed("'forMs' is not as expected");
      relay.cut(textField(body, "device", DEVICE), forMs);
      return sendJson(response, { forMs });
    }
    case "/api/kill": {
      const { what } = body;
      if (what !== "agent" && what !== "server") throw malformed("'what' is 'agent' or 'server'");
      controls.kill(what);
      return sendJson(response, {});
    }
    case "/api/link":
      return sendJson(response, await controls.link(textField(body, "session", SESSION)));
    default:
      throw notFound(url);
  }
}

function roleIn({ role = "user" }: Readonly<Record<string, unknown>>): PageRole {
  if (role !== "user" && role !== "operator") throw malformed("'role' is 'user' or 'operator'");
  return role;
}

async function upgrade(
  options: WebServerOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  options.gate.checkSource(request);
  await options.gate.checkCookie(request);
  const relayed = relayedPath(new URL(request.url ?? "/", "http://host"));
  if (relayed === undefined) throw malformed("there is no such path");
  options.relay.upgrade(relayed.device, relayed.path, request, socket, head);
}

/** `/relay/DEVICE/rest?query` as the server behind sees it. */
function relayedPath(url: URL): { device: string; path: string } | undefined {
  const [, device, path] = /^\/relay\/([^/]+)(\/.*)$/.exec(url.pathname) ?? [];
  if (device === undefined || path === undefined || !DEVICE.test(device)) return undefined;
  return { device, path: `${path}${url.search}` };
}

const notFound = (url: URL): CliError => new CliError("not_found", `there is nothing at ${url.pathname}`);
