import { randomUUID } from "node:crypto";
import { levelOf, PerdureError, project } from "@perdure/core";
import { parseClientFrame, sessionKey } from "@perdure/protocol";
import type { Grant, Logger, Verifier } from "@perdure/service-kit";
import type { HttpRequest, HttpResponse, TemplatedApp } from "uWebSockets.js";
import { type GateConfig, isAllowedHost, isAllowedOrigin } from "./gate.ts";
import type { HistoryReader } from "./history.ts";
import { type HttpAnswer, HttpExchange, refusalAnswer } from "./http-answer.ts";
import type { EdgeLimits } from "./limits.ts";
import type { Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import { type Draft, draftOf, submit } from "./sends.ts";

export interface HttpRoutesOptions {
  readonly gate: GateConfig;
  readonly limits: EdgeLimits;
  readonly verifier: Verifier;
  readonly rooms: Rooms;
  readonly history: HistoryReader;
  readonly logger: Logger;
}

/** A request for one session, by a token that covers it. */
interface SessionRequest {
  readonly grant: Grant;
  readonly room: Room;
  readonly query: URLSearchParams;
  readonly body: string;
}

type Handler = (request: SessionRequest) => Promise<HttpAnswer> | HttpAnswer;

/** State, history and send over plain HTTP, beside the WebSocket. */
export function routeHttp(app: TemplatedApp, options: HttpRoutesOptions): void {
  const route = (handler: Handler, hasBody = false) => {
    return (response: HttpResponse, request: HttpRequest): void => serve(options, response, request, handler, hasBody);
  };
  app.get("/v1/sessions/:id", route(getState));
  app.get(
    "/v1/sessions/:id/history",
    route((request) => getHistory(request, options.history)),
  );
  app.post(
    "/v1/sessions/:id/records",
    route((request) => postRecord(request, options.logger), true),
  );
  app.options("/*", (response, request) => {
    const headers = corsHeaders(options.gate, request);
    response.writeStatus("204 No Content");
    for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
    response.endWithoutBody();
  });
  app.any("/*", (response) => {
    const answer = { code: "not_found", message: "there is no such address; see docs/protocol.md" };
    response.writeStatus("404 Not Found").writeHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
}

// What is needed of the request is read before the first wait: uWebSockets takes it back then.
function serve(
  options: HttpRoutesOptions,
  response: HttpResponse,
  request: HttpRequest,
  handler: Handler,
  hasBody: boolean,
): void {
  const { gate, limits, logger } = options;
  const exchange = new HttpExchange(response, corsHeaders(gate, request), logger);
  const allowed = isAllowedHost(gate, request.getHeader("host")) && isAllowedOrigin(gate, request.getHeader("origin"));
  const id = decodeURIComponentOrEmpty(request.getParameter(0) ?? "");
  const token = /^Bearer +(\S+)$/i.exec(request.getHeader("authorization"))?.[1];
  const query = new URLSearchParams(request.getQuery());
  const body = hasBody ? exchange.body(limits.maxFrameBytes) : Promise.resolve("");
  void exchange.answer(async () => {
    if (!allowed) throw new PerdureError("forbidden_origin", "Requests from there, or by this name, are not taken.");
    const grant = await options.verifier.verify(token);
    if (!grant.allows(id)) throw new PerdureError("forbidden_session", "The token does not cover this session.");
    const text = await body;
    const { rooms } = options;
    const key = sessionKey(grant.tenant, id);
    // Whoever reads may have been at another node before, which was ahead of this one.
    const { room, release } = await (hasBody ? rooms.use(key) : rooms.useLatest(key));
    try {
      return await handler({ grant, room, query, body: text });
    } finally {
      release();
    }
  });
}

function getState({ grant, room }: SessionRequest): HttpAnswer {
  const { state } = room.held;
  if (state.epoch === undefined) throw notFound();
  return { status: 200, body: { head: project(state, levelOf(grant.role)) } };
}

async function getHistory({ grant, room, query }: SessionRequest, history: HistoryReader): Promise<HttpAnswer> {
  if (room.held.state.epoch === undefined) throw notFound();
  const before = query.get("before");
  const number = before === null ? undefined : Number(before);
  if (number !== undefined && !(Number.isInteger(number) && number >= 0)) {
    throw new PerdureError("malformed", "`before` is the number of a page: a whole number.");
  }
  return { status: 200, body: await history.read(room.held, number, levelOf(grant.role)) };
}

async function postRecord({ grant, room, body }: SessionRequest, logger: Logger): Promise<HttpAnswer> {
  const draft = readDraft(body, room.held.state.seq);
  const { s: seq, code, message = "", ...rest } = await submit(room.held, draft, grant, logger);
  if (code === undefined) return { status: 200, body: { seq } };
  return refusalAnswer({ code, message, ...rest });
}

/** A body is read by the rules of a `send` frame. Without a producer the record is written once more by every retry. */
function readDraft(body: string, seq: number): Draft {
  const fields = parseObject(body);
  const known = ["producer", "number", "born", "epoch", "audience", "events"];
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new PerdureError("malformed", `The body has an unknown field ${unknown}.`);
  const { producer: p = randomUUID(), number: n = 1, born = seq, epoch, audience: au, events: ev } = fields;
  const parsed = parseClientFrame(JSON.stringify({ t: "send", h: 0, p, n, born, epoch, au, ev }));
  if ("code" in parsed) {
    throw new PerdureError(parsed.code === "invalid_event" ? "invalid_event" : "malformed", parsed.message);
  }
  if (parsed.frame.t !== "send") throw new PerdureError("malformed", "The body is no record.");
  return draftOf(parsed.frame);
}

function parseObject(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Said below.
  }
  throw new PerdureError("malformed", "The body must be a JSON object.");
}

function corsHeaders(gate: GateConfig, request: HttpRequest): Readonly<Record<string, string>> {
  const origin = request.getHeader("origin");
  if (origin === "" || !isAllowedOrigin(gate, origin)) return {};
  return {
    "access-control-allow-origin": origin,
    "access-control-allow-headers": "authorization, content-type",
    "access-control-allow-methods": "GET, POST",
    vary: "origin",
  };
}

function decodeURIComponentOrEmpty(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

const notFound = (): PerdureError => new PerdureError("session_not_found", "There is no session of this name.");
