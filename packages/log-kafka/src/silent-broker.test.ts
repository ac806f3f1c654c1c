import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster } from "./cluster.ts";
import { kafkaSettings } from "./config.ts";
import type { KafkaStatus } from "./config.ts";

const REQUEST_MS = 100;
const sasl = { mechanism: "PLAIN", username: "perdure", password: "right" } as const;

let server: Server;
let sockets: Socket[];
let cluster: Cluster;
let told: KafkaStatus[];

/** Takes connections, and says nothing on them: a broker that is frozen, or what stands where one was. */
beforeEach(async () => {
  sockets = [];
  told = [];
  server = createServer((socket) => sockets.push(socket.on("error", () => socket.destroy()))).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  await cluster.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

function portOf(address: AddressInfo | string | null): number {
  return typeof address === "object" && address !== null ? address.port : 0;
}

describe.each([
  ["plain", {}],
  ["by TLS", { tls: {} }],
  ["with a password", { sasl }],
  ["by TLS with a password", { tls: {}, sasl }],
])("a broker that is asked %s, takes the connection and never answers", (_how, security) => {
  const port = (): number => portOf(server.address());

  beforeEach(() => {
    const onStatus = (status: KafkaStatus): void => void told.push(status);
    const config = { brokers: [`127.0.0.1:${port()}`], requestTimeoutMs: REQUEST_MS, onStatus, ...security };
    cluster = new Cluster(kafkaSettings(config));
  });

  test("holds nobody up for longer than a request may take, and is named", async () => {
    const asked = [cluster.refresh(), cluster.coordinator("group", "keepers"), cluster.refresh()];
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    // Nor does whoever comes later wait for what is left of those.
    await expect(cluster.refresh()).rejects.toMatchObject({ code: "unavailable" });
    expect(told).toEqual([expect.objectContaining({ state: "unreachable" })]);
    expect(told[0]?.message).toContain(`no Kafka broker can be used at 127.0.0.1:${port()}`);
    expect(told[0]?.message).toMatch(/timed out/);
  });
});
