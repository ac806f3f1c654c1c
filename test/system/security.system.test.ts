import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PASSWORD, type SecureBroker, startSecureBroker, USERNAME } from "../../tools/kafka/secure-broker.ts";
import { Counter, countedAnswer } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { Servers } from "../support/servers.ts";

const NAMES = ["keeper", "ingest", "edge"] as const;
const dir = mkdtempSync(join(tmpdir(), "perdure-secure-"));
let broker: SecureBroker;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  broker = await startSecureBroker(dir);
  const files = { ca: join(dir, "ca.pem"), password: join(dir, "password") };
  writeFileSync(files.ca, broker.ca);
  writeFileSync(files.password, `${PASSWORD}\n`);
  env = {
    PERDURE_KAFKA_TLS_CA_FILE: files.ca,
    PERDURE_KAFKA_SASL: "scram-sha-512",
    PERDURE_KAFKA_USERNAME: USERNAME,
    PERDURE_KAFKA_PASSWORD_FILE: files.password,
  };
});

afterAll(async () => {
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

test("services carry a message and its answer through a broker that asks for TLS and a password", async () => {
  const servers = await Servers.start({ log: "kafka", brokers: broker.bootstrap, env });
  onTestFinished(() => servers.stop());
  const counter = await Counter.start(servers, 1_000);
  onTestFinished(() => counter.stop());
  const ann = new Person(servers, "secure");
  onTestFinished(() => ann.close());
  const { runId = "" } = await ann.session.send("10 10", { agent: "counter" });
  await ann.seesEnd(runId);
  expect(ann.answer(runId)).toBe(countedAnswer(10, 10));
});

test("services with a wrong password, or without the authority, stay not ready and say what to set", async () => {
  const { PERDURE_KAFKA_PASSWORD_FILE: _file, ...unsaid } = env;
  const { PERDURE_KAFKA_TLS_CA_FILE: _ca, ...untrusting } = env;
  const cases = [
    [{ ...unsaid, PERDURE_KAFKA_PASSWORD: "wrong" }, /authentication failed.*PERDURE_KAFKA_USERNAME/i],
    [{ ...untrusting, PERDURE_KAFKA_TLS: "true" }, /certificate.*PERDURE_KAFKA_TLS_CA_FILE/i],
  ] as const;
  for (const [wrong, advice] of cases) {
    const servers = await Servers.start({ log: "kafka", brokers: broker.bootstrap, env: wrong, waits: false });
    onTestFinished(() => servers.stop());
    for (const name of NAMES) {
      await servers.program(name).printed(advice);
      const ready = await fetch(`${servers.statusUrl(name)}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("log")]);
    }
    await servers.stop();
  }
});
