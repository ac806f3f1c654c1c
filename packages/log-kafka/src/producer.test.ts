import { LogError } from "@perdure/log";
import type { Connection } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster, type TopicInfo } from "./cluster.ts";
import { kafkaSettings } from "./config.ts";
import { LogProducer } from "./producer.ts";

/** Has one topic, once it is told what became of the look for it, and no broker. */
class LookedUpCluster extends Cluster {
  readonly look = Promise.withResolvers<TopicInfo>();

  override topic(): Promise<TopicInfo> {
    return this.look.promise;
  }

  override async connection(): Promise<Connection> {
    return Promise.reject(new Error("there is no broker"));
  }
}

const TOPIC: TopicInfo = { name: "t", id: "", leaders: [-1, -1] };

let cluster: LookedUpCluster;
let producer: LogProducer;
let settled: string[];

beforeEach(() => {
  cluster = new LookedUpCluster(kafkaSettings({ brokers: ["127.0.0.1:1"], deliveryTimeoutMs: 1 }));
  producer = new LogProducer(cluster);
  settled = [];
});

afterEach(() => cluster.close());

function append(name: string, partition = 0, valueBytes = 1): void {
  const entry = { key: Buffer.from(name), value: Buffer.alloc(valueBytes) };
  producer.append("t", partition, entry, {}).then(
    () => settled.push(`${name}: appended`),
    (error: unknown) => settled.push(`${name}: ${error instanceof LogError ? error.code : String(error)}`),
  );
}

/** What had been settled when nothing was under way any more. */
async function flushed(): Promise<readonly string[]> {
  await producer.flush();
  // Whoever appended hears of it in the same turn.
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe("what is handed in while its topic is looked up for the first time", () => {
  test("is refused in its order where there is no such topic, and is no more under way", async () => {
    for (const name of ["a", "b"]) append(name);
    const ended = flushed();
    cluster.look.reject(new LogError("no_such_topic", "provision it first"));
    expect(await ended).toEqual(["a: no_such_topic", "b: no_such_topic"]);
  });

  test("is under way until a broker has taken it, or none did in time", async () => {
    for (const name of ["a", "b"]) append(name);
    append("c", 2);
    const ended = flushed();
    cluster.look.resolve(TOPIC);
    expect(await ended).toEqual(["c: no_such_topic", "a: unavailable", "b: unavailable"]);
  });

  test("is refused when the log closes before there is a broker", async () => {
    append("a");
    cluster.look.resolve(TOPIC);
    await cluster.look.promise;
    await cluster.close();
    expect(await flushed()).toEqual(["a: closed"]);
  });
});

test("what is too large for the log is refused, and was never under way", async () => {
  append("a", 0, cluster.settings.limits.entryBytes + 1);
  expect(await flushed()).toEqual(["a: too_large"]);
});
