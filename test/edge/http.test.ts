import type { Edge } from "@perdure/edge";
import { TOPICS } from "@perdure/replica";
import { GatedTail } from "@perdure/replica/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RawClient } from "./raw-client.ts";
import { token, urlOf, World } from "./support.ts";

let world: World;
let edge: Edge;

beforeAll(async () => {
  world = await World.open();
  edge = await world.edge({ config: { allowedOrigins: ["https://app.example.com"] } });
});
afterAll(() => world.close());

interface Call {
  readonly of?: Edge;
  readonly body?: unknown;
  readonly claims?: Parameters<typeof token>[0];
  readonly headers?: Readonly<Record<string, string>>;
}

async function call(path: string, { of = edge, body, claims, headers }: Call = {}) {
  const response = await fetch(`http://127.0.0.1:${of.port}${path}`, {
    headers: { authorization: `Bearer ${await token(claims)}`, ...headers },
    ...(body !== undefined && { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  return { status: response.status, headers: response.headers, answer };
}

const create = { producer: "backend", number: 1, events: [{ sessionCreated: { title: "Trip" } }] };

/** A message that leaves for a page of its own when another of its size is closed. */
function long(number: number) {
  const messageId = `backend:${number}:0`;
  const part = { kind: "PART_KIND_TEXT", text: "x".repeat(60_000) };
  const events = [
    { messageOpened: { role: "MESSAGE_ROLE_USER" } },
    { partOpened: { messageId, part, complete: true } },
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
  return { producer: "backend", number, born: 1, events };
}

describe("over HTTP", () => {
  test("a record is written, told its seq, and read back as state", async () => {
    expect(await call("/v1/sessions/h-1/records", { body: create })).toMatchObject({ status: 200, answer: { seq: 1 } });
    const { status, answer } = await call("/v1/sessions/h-1");
    expect(status).toBe(200);
    expect(answer).toMatchObject({ head: { seq: 1, info: { title: "Trip", createdBy: "ann" } } });
    expect(JSON.stringify(answer)).not.toContain("ledger");
  });

  test("the same number again is the same record", async () => {
    await call("/v1/sessions/h-2/records", { body: create });
    expect(await call("/v1/sessions/h-2/records", { body: create })).toMatchObject({ status: 200, answer: { seq: 1 } });
  });

  test("history of a session that has shed nothing yet is empty", async () => {
    await call("/v1/sessions/h-3/records", { body: create });
    expect(await call("/v1/sessions/h-3/history")).toMatchObject({ status: 200, answer: {} });
  });

  test("state and history have what another node acknowledged, also where this one follows the session and is behind (SPEC 1)", async () => {
    await call("/v1/sessions/h-4/records", { body: create });
    const slow = new GatedTail(world.log, TOPICS.events);
    const behind = await world.edge({ log: slow.log });
    const follower = new RawClient(urlOf(behind));
    await follower.hello(await token());
    await follower.send({ t: "attach", id: 1, session: "h-4" });
    await follower.next("attached");
    slow.hold();
    for (const number of [2, 3]) await call("/v1/sessions/h-4/records", { body: long(number) });
    const { answer: there } = await call("/v1/sessions/h-4");
    expect(there).toMatchObject({ head: { nextPage: 2 } });
    const read = ["", "/history?before=2"].map((path) => call(`/v1/sessions/h-4${path}`, { of: behind }));
    // Asked and answered behind them.
    for (let time = 0; time < 3; time += 1) await call("/v1/sessions/h-4", { of: behind, claims: { sessions: [] } });
    slow.release();
    const [state, history] = await Promise.all(read);
    expect(state?.answer).toMatchObject({ head: { nextPage: 2 } });
    expect(history?.answer).toMatchObject({ page: { number: 1 }, before: 1 });
    follower.close();
  });

  test.each<[what: string, path: string, more: Call, status: number, code: string]>([
    ["a session that is not there", "/v1/sessions/none", {}, 404, "session_not_found"],
    ["history of one", "/v1/sessions/none/history", {}, 404, "session_not_found"],
    ["an address that is not there", "/v1/nothing", {}, 404, "not_found"],
    ["no token", "/v1/sessions/x", { headers: { authorization: "" } }, 401, "unauthenticated"],
    ["a token that is none", "/v1/sessions/x", { headers: { authorization: "Bearer x.y.z" } }, 401, "unauthenticated"],
    ["a session not covered", "/v1/sessions/x", { claims: { sessions: ["y"] } }, 403, "forbidden_session"],
    ["a name that is none", "/v1/sessions/%20", {}, 400, "invalid_name"],
    ["an origin not allowed", "/v1/sessions/x", { headers: { origin: "https://evil.com" } }, 403, "forbidden_origin"],
    ["a body that is no JSON", "/v1/sessions/x/records", { body: "{" }, 400, "malformed"],
    ["a body of a list", "/v1/sessions/x/records", { body: "[]" }, 400, "malformed"],
    ["an actor in the body", "/v1/sessions/x/records", { body: { ...create, actor: {} } }, 400, "malformed"],
    ["a wrong event", "/v1/sessions/x/records", { body: { events: [{ nothing: {} }] } }, 400, "invalid_event"],
    ["a body of 2 MB", "/v1/sessions/x/records", { body: "x".repeat(2 ** 21) }, 413, "too_large"],
    [
      "an audience above the writer's level",
      "/v1/sessions/h-aud/records",
      { body: { ...create, audience: "AUDIENCE_AGENTS" } },
      403,
      "forbidden_audience",
    ],
    ["a page that is no number", "/v1/sessions/h-1/history?before=x", {}, 400, "malformed"],
  ])("%s is refused with its code", async (_what, path, more, status, code) => {
    const { answer, ...response } = await call(path, more);
    expect({ status: response.status, answer }).toMatchObject({
      status,
      answer: { code },
    });
  });

  test("a page of an allowed origin may read the answers", async () => {
    const { headers } = await call("/v1/sessions/none", { headers: { origin: "https://app.example.com" } });
    expect(headers.get("access-control-allow-origin")).toBe("https://app.example.com");
  });

  test("a client that goes away in the middle of its body leaves nothing behind", async () => {
    const controller = new AbortController();
    const body = new ReadableStream({
      start(stream) {
        stream.enqueue(new TextEncoder().encode('{"producer":"p"'));
      },
    });
    const headers = { authorization: `Bearer ${await token()}` };
    const options = { method: "POST", body, headers, duplex: "half", signal: controller.signal } as const;
    const request = fetch(`http://127.0.0.1:${edge.port}/v1/sessions/gone/records`, options);
    controller.abort();
    await expect(request).rejects.toThrow(/abort/i);
    expect((await call("/v1/sessions/h-1")).status).toBe(200);
  });
});
