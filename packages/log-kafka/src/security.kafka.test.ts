import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  certificateOf,
  makeCertificate,
  MECHANISMS,
  PASSWORD,
  type SecureBroker,
  startSecureBroker,
  USERNAME,
} from "../../../tools/kafka/secure-broker.ts";
import { openKafkaLog } from "./index.ts";
import type { KafkaLogConfig, KafkaStatus } from "./index.ts";

const dir = mkdtempSync(join(tmpdir(), "perdure-security-"));
let broker: SecureBroker;
let secure: Pick<KafkaLogConfig, "brokers" | "replication" | "tls">;

beforeAll(async () => {
  broker = await startSecureBroker(dir);
  secure = { brokers: [broker.bootstrap], replication: { factor: 1, minInSync: 1 }, tls: { ca: broker.ca } };
});

afterAll(async () => {
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

function sasl(password: string, mechanism: (typeof MECHANISMS)[number] = "PLAIN"): KafkaLogConfig["sasl"] {
  return { mechanism, username: USERNAME, password };
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
    const credentials = { ...secure, sasl: sasl(PASSWORD, mechanism), topicPrefix: `${mechanism}.` };
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
    const status = await refusal({ ...untrusting, tls: {}, sasl: sasl(PASSWORD) });
    expect(status.message).toMatch(/certificate/i);
  });

  test("is not trusted by another authority of the same name, and that is said", async () => {
    const other = join(dir, "other.p12");
    makeCertificate(other);
    const status = await refusal({ ...secure, tls: { ca: certificateOf(other) }, sasl: sasl(PASSWORD) });
    expect(status.message).toMatch(/certificate|signature/i);
  });

  test("is not spoken to in the clear", async () => {
    const { tls: _tls, ...clear } = secure;
    const status = await refusal({ ...clear, sasl: sasl(PASSWORD), requestTimeoutMs: 2_000 });
    expect(status.state).toBe("unreachable");
  });
});
