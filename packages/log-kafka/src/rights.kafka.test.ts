import type { Log } from "@perdure/log";
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from "@platformatic/kafka";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts, startBroker } from "../../../tools/kafka/broker.ts";
import type { Broker } from "../../../tools/kafka/broker.ts";
import { openKafkaLog } from "./index.ts";

const USERS = `org.apache.kafka.common.security.plain.PlainLoginModule required username="perdure" password="right" user_perdure="right";`;
const dir = mkdtempSync(join(tmpdir(), "perdure-rights-"));
let broker: Broker;
let admin: Admin;
let guarded: string;

beforeAll(async () => {
  const [port = 0, controllerPort = 0, guardedPort = 0] = await freePorts(3);
  guarded = `127.0.0.1:${guardedPort}`;
  const plain = `PLAINTEXT://127.0.0.1:${port}`;
  const properties = {
    listeners: `${plain},CONTROLLER://127.0.0.1:${controllerPort},GUARDED://${guarded}`,
    "advertised.listeners": `${plain},GUARDED://${guarded}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
    "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.guarded.plain.sasl.jaas.config": USERS,
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
  };
  broker = await startBroker({ dir, port, controllerPort, properties });
  admin = new Admin({ clientId: "admin", bootstrapBrokers: [broker.bootstrap] });
  await allow("TOPIC", "*");
  await allow("CLUSTER", "kafka-cluster");
});

afterAll(async () => {
  await admin.close();
  await broker.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Everything that can be done with the resource. */
async function allow(resource: "TOPIC" | "GROUP" | "CLUSTER" | "TRANSACTIONAL_ID", name: string): Promise<void> {
  const right = {
    resourceType: ResourceTypes[resource],
    resourceName: name,
    resourcePatternType: name.endsWith("/") ? ResourcePatternTypes.PREFIXED : ResourcePatternTypes.LITERAL,
    principal: "User:perdure",
    host: "*",
    operation: AclOperations.ALL,
    permissionType: AclPermissionTypes.ALLOW,
  };
  await admin.createAcls({ creations: [right] });
}

async function openGuarded(topicPrefix: string): Promise<Log> {
  const log = await openKafkaLog({
    brokers: [guarded],
    topicPrefix,
    replication: { factor: 1, minInSync: 1 },
    sasl: { mechanism: "PLAIN", username: "perdure", password: "right" },
  });
  await log.provision([{ name: "events", partitions: 4, cleanup: "none" }]);
  return log;
}

/** A member that notes what it is told, in order. */
function newMember() {
  const told: (string | undefined)[] = [];
  const assigned = Promise.withResolvers<number>();
  const listener = {
    onAssigned: ({ length }: readonly unknown[]): void => assigned.resolve(length),
    onRevoked: () => undefined,
    onHindered: (reason: string | undefined): void => void told.push(reason),
  };
  return { told, assigned: assigned.promise, listener };
}

describe("a client without the rights that it needs", () => {
  test("is told once that the group does not let it in and what would, and is in as soon as it may", async () => {
    await allow("TRANSACTIONAL_ID", "group.keepers/");
    const log = await openGuarded("group.");
    const { told, assigned, listener } = newMember();
    const group = await log.joinGroup("keepers", "events", listener);
    expect(told).toEqual(["Kafka refuses (error 30) group group.keepers: allow this client Read on it"]);
    await allow("GROUP", "group.keepers");
    expect(await assigned).toBe(4);
    expect(told).toEqual([expect.any(String), undefined]);
    await group.close();
    await log.close();
  });

  test("is told once that it may not take over what the group gave it, and what would let it", async () => {
    await allow("GROUP", "claim.keepers");
    const log = await openGuarded("claim.");
    const { told, assigned, listener } = newMember();
    const heard = Promise.withResolvers<void>();
    const group = await log.joinGroup("keepers", "events", {
      ...listener,
      onHindered: (reason) => {
        listener.onHindered(reason);
        heard.resolve();
      },
    });
    await heard.promise;
    expect(told).toEqual([
      "Kafka refuses (error 53) the transactional ids claim.keepers/…: allow this client Write on those with that prefix",
    ]);
    await allow("TRANSACTIONAL_ID", "claim.keepers/");
    expect(await assigned).toBe(4);
    expect(told).toEqual([expect.any(String), undefined]);
    await group.close();
    await log.close();
  });

  test("lets go of a group that never let it in", async () => {
    const log = await openGuarded("closed.");
    const { told, listener } = newMember();
    const group = await log.joinGroup("keepers", "events", listener);
    await group.close();
    await log.close();
    expect(told).toHaveLength(1);
  });
});
