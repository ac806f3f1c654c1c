import { createClient } from "@perdure/client";
import { afterEach, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { TcpProxy } from "../../tools/proxy/tcp-proxy.ts";
import { StubAgent, token, urlOf, World } from "../edge/support.ts";
import { Counter, countedAnswer } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { PythonFollower } from "../support/python-follower.ts";
import { Servers } from "../support/servers.ts";

const WORDS_PER_SECOND = 250;
const SESSION = "trip";
const AGENT_GRACE_MS = 1_000;

type Shown = readonly { readonly id: string; readonly text: string }[];

/** The same messages, and the same text of each. */
function expectSame({ seen }: PythonFollower, shown: Shown): void {
  const both = [seen.messages, shown].map((messages) => messages.map(({ id, text }) => ({ id, text })));
  expect(both[0]).toEqual(both[1]);
}

const textOf = ({ seen }: PythonFollower): string => seen.messages.map(({ text }) => text).join("");

describe("a client in Python, with whole processes", () => {
  let perdure: Servers;
  let counter: Counter;
  let proxy: TcpProxy;
  let ann: Person;
  let python: PythonFollower | undefined;

  beforeEach(async () => {
    perdure = await Servers.start({ log: "embedded" });
    counter = await Counter.start(perdure, WORDS_PER_SECOND);
    proxy = await TcpProxy.start({ targets: [Number(new URL(perdure.edgeUrl).port)] });
    ann = new Person(perdure, SESSION, AGENT_GRACE_MS);
  });

  afterEach(async () => {
    ann.close();
    await python?.program.stop();
    await proxy.close();
    await counter.stop();
    await perdure.stop();
  });

  async function follow(asks?: readonly [text: string, agent: string]): Promise<PythonFollower> {
    python = new PythonFollower({
      url: urlOf(proxy),
      token: await perdure.token({ participant: "pia" }),
      session: SESSION,
      ...(asks && { asks }),
    });
    onTestFailed(() => console.error(`${perdure.report}\n${counter.report}`));
    return python;
  }

  test("sees every token once, its connection cut and the server killed (SPEC 10)", async () => {
    const question = "800 800";
    const expected = countedAnswer(800, 800);
    const pia = await follow([question, "counter"]);
    for (const [index, bytes] of [1, 40, 333, 5_000, 0, 77].entries()) {
      const length = (expected.length * (index + 1)) / 8;
      await pia.sees(`${length} characters`, () => textOf(pia).length > length);
      if (index === 3) await perdure.killAndRestart("edge");
      else proxy.cut({ afterBytes: bytes });
    }
    await pia.program.exited;
    expect(textOf(pia)).toBe(question + expected);
    const [runId = ""] = Object.keys(pia.seen.runs);
    await ann.seesEnd(runId);
    expectSame(pia, ann.session.view.messages);
    // The first attach finds nothing; each of the others goes on where it was.
    expect(pia.seen.attached[0]).toBe("new");
    expect(pia.seen.attached.slice(1).filter((how) => how === "snapshot" || how === "new")).toEqual([]);
    expect(pia.seen.attached.length).toBeGreaterThan(3);
  });

  test("takes the half answer of a killed agent away, as every client does (SPEC 6.2, 10)", async () => {
    const [first, whole] = [countedAnswer(200, 0), countedAnswer(200, 400)];
    const pia = await follow();
    const { runId = "" } = await ann.session.send("200 400", { agent: "counter" });
    await pia.sees("half an answer", () => textOf(pia).length > first.length + 1_000);
    await counter.killAndRestart();
    proxy.cut({ afterBytes: 0 });
    await pia.sees("its end", ({ runs }) => runs[runId] === "RUN_PHASE_COMPLETED");
    await ann.seesEnd(runId);
    expect(textOf(pia)).toBe(`200 400${whole}`);
    expectSame(pia, ann.session.view.messages);
  });

  test("sees that a run has ended which was cancelled while no agent had it (SPEC 8.2)", async () => {
    const pia = await follow();
    const cancelled = (what: string, runId = ""): Promise<boolean> =>
      pia.sees(what, ({ runs }) => runs[runId] === "RUN_PHASE_CANCELLED");
    const unheard = await ann.session.send("1 1", { agent: "nobody" });
    await pia.sees("the question", ({ messages }) => messages.length === 1);
    await unheard.cancel();
    await cancelled("the end of what was only asked for", unheard.runId);
    const begun = await ann.session.send("200 400", { agent: "counter" });
    const { runId = "" } = begun;
    await pia.sees("an attempt", ({ runs }) => runs[runId] === "RUN_PHASE_ACTIVE");
    await counter.stop();
    await begun.cancel();
    await cancelled("the end of what its agent has left", runId);
    const last = await ann.session.send("2 2", { agent: "nobody" });
    const closed = await fetch(new URL(`/v1/sessions/${SESSION}/records`, perdure.edgeUrl.replace(/^ws/, "http")), {
      method: "POST",
      headers: { authorization: `Bearer ${await perdure.token({ participant: "ann" })}` },
      body: JSON.stringify({ events: [{ sessionClosed: {} }] }),
    });
    expect(closed.status).toBe(200);
    await cancelled("the end of what the session was closed on", last.runId);
  });
});

test("a client in Python is brought up to date by patches, where the edge has forgotten the records (SPEC 10.2)", async () => {
  const world = await World.open();
  const edge = await world.edge({ replica: world.freshReplica({ recentRecords: 1 }) });
  const proxy = await TcpProxy.start({ targets: [edge.port] });
  const client = createClient({ url: urlOf(edge), getToken: () => token() });
  const session = client.session(SESSION);
  await session.send("find me a flight", { agent: "helper" });
  const pia = new PythonFollower({ url: urlOf(proxy), token: await token({ participant: "pia" }), session: SESSION });
  const agent = await StubAgent.join(world, SESSION);
  await agent.accept();
  for (let answer = 1; answer <= 4; answer += 1) {
    await agent.open();
    await agent.say(`answer ${answer}: 😀 `);
    await pia.sees(`answer ${answer}`, () => textOf(pia).endsWith(`answer ${answer}: 😀 `));
    proxy.targets = [];
    proxy.cut();
    for (const word of ["one ", "two ", "three"]) await agent.say(word);
    await agent.close();
    proxy.targets = [edge.port];
    await pia.sees(`the end of answer ${answer}`, () => textOf(pia).endsWith("three"));
  }
  expectSame(pia, session.view.messages);
  expect(pia.seen.attached).toEqual(["snapshot", "patched", "patched", "patched", "patched"]);
  client.close();
  await pia.program.stop();
  await proxy.close();
  await world.close();
});
