import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { openKafkaLog } from "./index.ts";
import type { KafkaLogConfig, KafkaStatus } from "./index.ts";

const PASSWORD = "changeit";
const JAAS = `org.apache.kafka.common.security.plain.PlainLoginModule required username="perdure" password="right" user_perdure="right";`;
const dir = mkdtempSync(join(tmpdir(), "perdure-security-"));
const keystore = join(dir, "broker.p12");
let broker: Broker;
let secure: Pick<KafkaLogConfig, "brokers" | "replication" | "tls">;

beforeAll(async () => {
  const [port = 0, controllerPort = 0, securePort = 0] = await freePorts(3);
  const store = ["-keystore", keystore, "-storepass", PASSWORD, "-alias", "broker"];
  const names = ["-dname", "CN=localhost", "-ext", "san=dns:localhost,ip:127.0.0.1"];
  execFileSync("keytool", ["-genkeypair", "-keyalg", "EC", "-validity", "30", ...names, ...store], { stdio: "pipe" });
  const ca = execFileSync("keytool", ["-exportcert", "-rfc", ...store], { stdio: "pipe" }).toString();
  broker = await startBroker({
    dir,
    port,
    controllerPort,
    properties: secureListener(port, controllerPort, securePort),
  });
  secure = { brokers: [`localhost:${securePort}`], replication: { factor: 1, minInSync: 1 }, tls: { ca } };
});

afterAll(async () => {
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** A second listener, which takes TLS with a password inside. */
function secureListener(port: number, controllerPort: number, securePort: number): Record<string, string> {
  const plain = `PLAINTEXT://127.0.0.1:${port}`;
  return {
    listeners: `${plain},CONTROLLER://127.0.0.1:${controllerPort},SECURE://localhost:${securePort}`,
    "advertised.listeners": `${plain},SECURE://localhost:${securePort}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
    "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.secure.plain.sasl.jaas.config": JAAS,
    "listener.name.secure.ssl.keystore.type": "PKCS12",
    "listener.name.secure.ssl.keystore.location": keystore,
    "listener.name.secure.ssl.keystore.password": PASSWORD,
    "listener.name.secure.ssl.key.password": PASSWORD,
  };
}

function sasl(password: string): KafkaLogConfig["sasl"] {
  return { mechanism: "PLAIN", username: "perdure", password };
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
  test("takes appends, tails, groups and checkpoints with both", async () => {
    const log = await openKafkaLog({ ...secure, sasl: sasl("right"), group: { heartbeatMs: 100 } });
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

  test("refuses a wrong password, and that is said", async () => {
    const status = await refusal({ ...secure, sasl: sasl("wrong") });
    expect(status.message).toMatch(/authentication failed/i);
  });

  test("is not trusted without its authority, and that is said", async () => {
    const { tls: _tls, ...untrusting } = secure;
    const status = await refusal({ ...untrusting, tls: {}, sasl: sasl("right") });
    expect(status.message).toMatch(/certificate/i);
  });

  test("is not spoken to in the clear", async () => {
    const { tls: _tls, ...clear } = secure;
    const status = await refusal({ ...clear, sasl: sasl("right"), requestTimeoutMs: 2_000 });
    expect(status.state).toBe("unreachable");
  });
});
