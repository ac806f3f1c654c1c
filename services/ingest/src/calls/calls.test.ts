import { MessageRole, SessionService, SignalService } from "@perdure/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import { callOnce, rawCall, rawStream } from "../testing/raw-agent.ts";

let node: TestNode;

beforeEach(async () => {
  node = await TestNode.start();
});

afterEach(async () => {
  await node.stop();
});

const service = (): Promise<string> => node.token({ participant: "backend", role: "service", mayCreate: true });
const { createSession, getSession, getHistory, append } = SessionService.method;
const message = [{ kind: { case: "messageOpened", value: { role: MessageRole.ASSISTANT } } }] as const;

describe("sessions for backends", () => {
  test("are begun once", async () => {
    const token = await service();
    const request = { session: "order-7", created: { title: "Order 7" } };
    expect(await callOnce(node.address, token, createSession, request)).toMatchObject({ seq: 1 });
    expect(await callOnce(node.address, token, createSession, request)).toMatchObject({ code: "already_exists" });
    const { state } = await node.watch("order-7");
    expect(state.info).toMatchObject({ title: "Order 7", createdBy: "backend" });
  });

  test("are begun only with a token that may, and only where it covers them", async () => {
    const request = { session: "s" };
    const reader = await node.token({ role: "service" });
    expect(await callOnce(node.address, reader, createSession, request)).toMatchObject({ code: "forbidden" });
    const other = await node.token({ role: "service", mayCreate: true, sessions: ["x-*"] });
    expect(await callOnce(node.address, other, createSession, request)).toMatchObject({ code: "forbidden_session" });
    expect(await callOnce(node.address, undefined, createSession, request)).toMatchObject({ code: "unauthenticated" });
    expect(await callOnce(node.address, await service(), createSession, { session: "a b" })).toMatchObject({
      code: "invalid_name",
    });
  });

  test("are read as the token's role sees them", async () => {
    const watcher = await node.watch("s");
    const secret = { participant: "olga", role: "ROLE_OPERATOR" } as const;
    await watcher.write([{ messageOpened: { role: "MESSAGE_ROLE_OPERATOR" } }], secret, undefined, "AUDIENCE_STAFF");
    const seen = async (role: "user" | "service"): Promise<number> => {
      const answer = await callOnce(node.address, await node.token({ role }), getSession, { session: "s" });
      return "head" in answer ? (answer.head?.messages.length ?? -1) : -1;
    };
    expect([await seen("user"), await seen("service")]).toEqual([0, 1]);
    const missing = await callOnce(node.address, await service(), getSession, { session: "none" });
    expect(missing).toMatchObject({ code: "session_not_found" });
  });

  test("take a record, under the writer's own number or a new one; sent again it counts once", async () => {
    const { state } = await node.watch("s");
    const token = await service();
    const record = { producer: "backend-1", first: 1, last: 1, events: [...message] };
    expect(await callOnce(node.address, token, append, { session: "s", record })).toMatchObject({ duplicate: false });
    expect(await callOnce(node.address, token, append, { session: "s", record })).toMatchObject({ duplicate: true });
    await callOnce(node.address, token, append, { session: "s", record: { events: [...message] } });
    expect(state.messages.size).toBe(2);
    expect([...state.messages.values()].map(({ author }) => author)).toEqual(["backend", "backend"]);
  });

  test("refuse a forged actor, and what only nodes may say, with their codes", async () => {
    await node.watch("s");
    const token = await service();
    const forged = { events: [...message], actor: { participant: "ann" } };
    expect(await callOnce(node.address, token, append, { session: "s", record: forged })).toMatchObject({
      code: "forged_actor",
    });
    const derived = { events: [...message], cause: { seq: 1 } };
    expect(await callOnce(node.address, token, append, { session: "s", record: derived })).toMatchObject({
      code: "forbidden",
    });
    expect(await callOnce(node.address, token, append, { session: "s" })).toMatchObject({ code: "invalid_record" });
  });

  test("have no past that is not in pages yet", async () => {
    await node.watch("s");
    expect(await callOnce(node.address, await service(), getHistory, { session: "s" })).toMatchObject({
      beforePage: 0,
    });
  });
});

describe("signals of those who hold no stream", () => {
  const usage = { provider: "p", model: "m", inputTokens: 10, responseId: "r1" };

  test("usage counts once, however often it is reported, and takes one place in the ledger", async () => {
    const { state } = await node.watch("s");
    const token = await service();
    for (const responseId of ["r1", "r2", "r2"]) {
      await callOnce(node.address, token, SignalService.method.reportUsage, {
        session: "s",
        usage: { ...usage, responseId },
      });
    }
    expect([...state.usage.values()]).toMatchObject([{ inputTokens: 20 }]);
    expect(state.ledger.producers.size).toBe(2);
  });

  test("an agent is here while its reports come, and lost when one is late", async () => {
    const watcher = await node.watch("s");
    const token = await node.token();
    const report = { session: "s", agent: "helper", instance: "i-1", ttlMs: 5_000 };
    const { reportPresence } = SignalService.method;
    expect(await callOnce(node.address, token, reportPresence, report)).not.toHaveProperty("code");
    expect(watcher.state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_HERE");
    node.clock.advance(4_000);
    await callOnce(node.address, token, reportPresence, report);
    node.clock.advance(4_000);
    expect(watcher.state.agents.get("i-1")?.presence).toBe("AGENT_PRESENCE_HERE");
    node.clock.advance(1_000);
    await watcher.until(({ agents }) => agents.get("i-1")?.lostReason === "LOST_REASON_SILENT");
    const late = await callOnce(node.address, token, reportPresence, { ...report, ttlMs: 1 });
    expect(late).toMatchObject({ code: "invalid_event" });
  });
});

describe("what the ecosystem expects", () => {
  test("the reflection service names what there is to call", async () => {
    // ServerReflectionRequest { list_services: "*" } (field 7); the answer has the names in clear text.
    const request = Buffer.from([0x3a, 1, 0x2a]);
    const answer = await rawStream(node.address, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", request);
    for (const name of ["AgentService", "SessionService", "SignalService"]) {
      expect(answer.toString("latin1")).toContain(`perdure.v1.${name}`);
    }
  });

  test("the health service says that the node serves, and no longer when it drains", async () => {
    // HealthCheckResponse { status: SERVING = 1 }, then NOT_SERVING = 2.
    expect([...(await rawCall(node.address, "/grpc.health.v1.Health/Check"))]).toEqual([8, 1]);
    await node.ingest.drain(0);
    expect([...(await rawCall(node.address, "/grpc.health.v1.Health/Check"))]).toEqual([8, 2]);
  });

  test("a port that is taken stops the start, and says which", async () => {
    await expect(TestNode.start({}, { port: node.ingest.port })).rejects.toThrow(`cannot listen on ${node.address}`);
  });
});
