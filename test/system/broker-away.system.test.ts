import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { type Broker, freePorts, startBroker } from "../../tools/kafka/broker.ts";
import { Counter, countedAnswer } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { Servers } from "../support/servers.ts";
import { Up } from "../support/up.ts";

let port: number;
beforeEach(async () => {
  [port = 0] = await freePorts(1);
});

async function brokerAppears(): Promise<Broker> {
  const dir = mkdtempSync(join(tmpdir(), "perdure-broker-"));
  const broker = await startBroker({ dir, port });
  onTestFinished(async () => {
    await broker.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  return broker;
}

test("services whose broker is not there say so, live, are not ready, and serve once it is there", async () => {
  const servers = await Servers.start({ log: "kafka", brokers: `127.0.0.1:${port}`, waits: false });
  onTestFinished(() => servers.stop());
  for (const name of ["keeper", "ingest", "edge"] as const) {
    await servers.program(name).printed(new RegExp(`no Kafka broker can be used at 127\\.0\\.0\\.1:${port}`));
    expect((await fetch(`${servers.statusUrl(name)}/livez`)).status).toBe(200);
    const ready = await fetch(`${servers.statusUrl(name)}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("log")]);
  }
  await brokerAppears();
  await servers.ready();
  const counter = await Counter.start(servers, 1_000);
  onTestFinished(() => counter.stop());
  const ann = new Person(servers, "late");
  onTestFinished(() => ann.close());
  const { runId = "" } = await ann.session.send("10 10", { agent: "counter" });
  await ann.seesEnd(runId);
  expect(ann.answer(runId)).toBe(countedAnswer(10, 10));
  // While the broker is there: without one their goodbyes take as long as they may.
  await servers.stop();
});

test("a broker that goes in the middle of an answer and comes back loses and doubles nothing", async () => {
  const broker = await brokerAppears();
  const servers = await Servers.start({ log: "kafka", brokers: broker.bootstrap });
  onTestFinished(() => servers.stop());
  const counter = await Counter.start(servers, 250);
  onTestFinished(() => counter.stop());
  const ann = new Person(servers, "gone");
  onTestFinished(() => ann.close());
  const { runId = "" } = await ann.session.send("500 500", { agent: "counter" });
  await ann.seesLength(runId, 1_500);
  await broker.kill();
  await broker.restart();
  await ann.seesEnd(runId);
  expect(ann.answer(runId)).toBe(countedAnswer(500, 500));
  expect(counter.notes(runId).map(({ what }) => what)).toEqual(["plan", "first", "second"]);
});

test("perdure up says that its broker is not there, and is ready once it is", async () => {
  const up = await Up.start({ log: "kafka", brokers: `127.0.0.1:${port}` });
  onTestFinished(() => up.stop());
  await up.program.printed(new RegExp(`no Kafka broker can be used at 127\\.0\\.0\\.1:${port}.*trying again`));
  expect(up.program.output).not.toContain("Open");
  await brokerAppears();
  expect(await up.link()).toMatch(/^http:\/\/localhost:\d+\/s\/welcome#code=/);
  await up.stop();
});
