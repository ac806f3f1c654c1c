import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { openKafkaLog } from "./index.ts";
import type { KafkaLogConfig, KafkaStatus } from "./index.ts";

const PASSWORD = "changeit";
const PLAIN_USERS = `org.apache.kafka.common.security.plain.PlainLoginModule required username="perdure" password="right" user_perdure="right";`;
const SCRAM_USERS = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;
const dir = mkdtempSync(join(tmpdir(), "perdure-security-"));
const keystore = join(dir, "broker.p12");
let broker: Broker;
let secure: Pick<KafkaLogConfig, "brokers" | "replication" | "tls">;

beforeAll(async () => {
  const [port = 0, controllerPort = 0, securePort = 0] = await freePorts(3);
  makeCertificate(keystore);
  const ca = certificateOf(keystore);
  broker = await startBroker({
    dir,
    port,
    controllerPort,
    properties: secureListener(port, controllerPort, securePort),
    scramUsers: MECHANISMS.slice(1).map((mechanism) => `${mechanism}=[name=perdure,password=right]`),
  });
  secure = { brokers: [`localhost:${securePort}`], replication: { factor: 1, minInSync: 1 }, tls: { ca } };
});

afterAll(async () => {
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

const storeOf = (path: string): string[] => ["-keystore", path, "-storepass", PASSWORD, "-alias", "broker"];

function makeCertificate(path: string): void {
  const names = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1"];
  const key = ["-genkeypair", "-keyalg", "EC", "-validity", "30"];
  execFileSync("keytool", [...key, ...names, ...storeOf(path)], { stdio: "pipe" });
}

function certificateOf(path: string): string {
  return execFileSync("keytool", ["-exportcert", "-rfc", ...storeOf(path)], { stdio: "pipe" }).toString();
}

/** A second listener, which takes TLS with a password inside. */
function secureListener(port: number, controllerPort: number, securePort: number): Record<string, string> {
  const plain = `PLAINTEXT://127.0.0.1:${port}`;
  return {
    listeners: `${plain},CONTROLLER://127.0.0.1:${controllerPort},SECURE://localhost:${securePort}`,
    "advertised.listeners": `${plain},SECURE://localhost:${securePort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
    "listener.name.secure.sasl.enabled.mechanisms": MECHANISMS.join(","),
    "listener.name.secure.plain.sasl.jaas.config": PLAIN_USERS,
    "listener.name.secure.scram-sha-256.sasl.jaas.config": SCRAM_USERS,
    "listener.name.secure.scram-sha-512.sasl.jaas.config": SCRAM_USERS,
    "listener.name.secure.ssl.keystore.type": "PKCS12",
    "listener.name.secure.ssl.keystore.location": keystore,
    "listener.name.secure.ssl.keystore.password": PASSWORD,
    "listener.name.secure.ssl.key.password": PASSWORD,
  };
}

function sasl(password: string, mechanism: (typeof MECHANISMS)[number] = "PLAIN"): KafkaLogConfig["sasl"] {
  return { mechanism, username: "perdure", password };
}

/** What an opening that does not succeed says before it is given up. */
async function refusal(config: KafkaLogConfig): Promise<KafkaStatus> {
  const { promise: heard, resolve } = Promise.withResolvers<KafkaStatus>();
  const ended = new AbortController();
  const opening = openKafkaLog({ ...config, onStatus: resolve, signal: ended.signal }).catch((error: unknown) => error);
  const status = await heard;
  ended.abort();
  expect(await opening).toMatchObject({ code: "closed" });
  return status;
}

describe("a broker that asks for TLS and a password", () => {
  test.each(MECHANISMS)("takes appends, tails, groups and checkpoints with both, by %s", async (mechanism) => {
    const credentials = { ...secure, sasl: sasl("right", mechanism), topicPrefix: `${mechanism}.` };
    const log = await openKafkaLog({ ...credentials, group: { heartbeatMs: 100 } });
    await log.provision([
      { name: "events", partitions: 1, cleanup: "none" },
      { name: "heads", partitions: 1, cleanup: "compact" },
    ]);
    const heard = Promise.withResolvers<void>();
    const onEntries = (_partition: number, { length }: { readonly length: number }): void => {
      if (length > 0) heard.resolve();
    };
    log.tail("events", { onEntries, onPartitionError: () => undefined }).add(0, 0);
    await log.append("events", 0, { key: new Uint8Array(1), value: new Uint8Array(1) });
    await heard.promise;
    const checkpointed = Promise.withResolvers<void>();
    await log.joinGroup("keepers", "events", {
      onAssigned: ([ownership]) => {
        if (ownership === undefined) return;
        const entry = { key: new Uint8Array(1), value: new Uint8Array(1) };
        checkpointed.resolve(log.checkpoint(ownership, async (scope) => void (await scope.append("heads", entry))));
      },
      onRevoked: () => undefined,
    });
    await checkpointed.promise;
    expect(await log.read("heads", 0, 0, { maxBytes: 100 })).toHaveLength(1);
    await log.close();
  });

  test.each(MECHANISMS)("refuses a wrong password by %s, and that is said", async (mechanism) => {
    const status = await refusal({ ...secure, sasl: sasl("wrong", mechanism) });
    expect(status.message).toMatch(/authentication failed/i);
  });

  test("may reset the connection of a refused password, which ends nobody's process", async () => {
    const resets = Promise.withResolvers<void>();
    let resetCount = 0;
    // What a broker says goes through; whoever says goodbye is reset.
    const between = createServer({ allowHalfOpen: true }, (client) => {
      const [, port] = secure.brokers[0]?.split(":") ?? [];
      const server = connect(Number(port), "localhost");
      client.on("data", (chunk) => server.write(chunk));
      server.on("data", (chunk) => client.write(chunk));
      for (const socket of [client, server]) socket.on("error", () => socket.destroy());
      client.on("end", () => {
        client.resetAndDestroy();
        server.destroy();
        resetCount += 1;
        if (resetCount === 3) resets.resolve();
      });
    }).listen(0, "localhost");
    await once(between, "listening");
    const address = between.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const ended = new AbortController();
    const { signal } = ended;
    const opening = openKafkaLog({ ...secure, brokers: [`localhost:${port}`], sasl: sasl("wrong"), signal });
    await Promise.race([opening, resets.promise]);
    ended.abort();
    await expect(opening).rejects.toMatchObject({ code: "closed" });
    between.close();
  });

  test("is not trusted without its authority, and that is said", async () => {
    const { tls: _tls, ...untrusting } = secure;
    const status = await refusal({ ...untrusting, tls: {}, sasl: sasl("right") });
    expect(status.message).toMatch(/certificate/i);
  });

  test("is not trusted by another authority of the same name, and that is said", async () => {
    const other = join(dir, "other.p12");
    makeCertificate(other);
    const status = await refusal({ ...secure, tls: { ca: certificateOf(other) }, sasl: sasl("right") });
    expect(status.message).toMatch(/certificate|signature/i);
  });

  test("is not spoken to in the clear", async () => {
    const { tls: _tls, ...clear } = secure;
    const status = await refusal({ ...clear, sasl: sasl("right"), requestTimeoutMs: 2_000 });
    expect(status.state).toBe("unreachable");
  });
});
