import { logLimits } from "@perdure/log";
import type { Connection } from "@platformatic/kafka";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Cluster } from "./cluster.ts";
import { kafkaSettings } from "./config.ts";
import { PartitionProducer } from "./partition-producer.ts";
import { ProduceChannel } from "./produce-channel.ts";
import { ProducerIdentities, type ProducerIdentity } from "./producer-identity.ts";

/** Notes for which broker a connection is asked, and has none. */
class WatchedCluster extends Cluster {
  readonly asked: number[] = [];

  override async connection(_pool: unknown, nodeId: number): Promise<Connection> {
    this.asked.push(nodeId);
    return Promise.reject(new Error("there is no broker"));
  }
}

class GivenIdentity extends ProducerIdentities {
  override get current(): ProducerIdentity {
    return { producerId: 1n, producerEpoch: 0 };
  }
}

let cluster: WatchedCluster;
let answered: PartitionProducer[];

beforeEach(() => {
  cluster = new WatchedCluster(kafkaSettings({ brokers: ["127.0.0.1:1"] }));
  answered = [];
});

afterEach(() => cluster.close());

const channelTo = (leader: number): ProduceChannel =>
  new ProduceChannel(cluster, new GivenIdentity(cluster), { leader, pool: cluster.newPool() }, (producer) =>
    answered.push(producer),
  );

/** A partition with one entry to write. */
function partition(index: number): PartitionProducer {
  const ignore = (): void => undefined;
  const { closing } = cluster;
  const settings = { limits: logLimits(), deliveryTimeoutMs: 1_000, closing, retire: ignore, onSettled: ignore };
  const producer = new PartitionProducer({ topic: "t", index }, settings);
  const entry = { key: new Uint8Array(), value: new Uint8Array() };
  producer.queue.offer({ entry, lane: "l", sizeBytes: 10, handedInMs: 0, resolve: ignore, reject: ignore });
  return producer;
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a channel asks its broker nothing where all that was offered to it has gone to another one since", async () => {
  const [left, next] = [channelTo(1), channelTo(2)];
  const moved = partition(0);
  left.offer(moved);
  next.offer(moved);
  await settle();
  expect(cluster.asked).toEqual([2]);
  expect(answered).toEqual([moved]);
});

test("a partition that was offered to a channel, to another and to the first again is written once", async () => {
  const [first, second] = [channelTo(1), channelTo(2)];
  const [moved, still] = [partition(0), partition(1)];
  for (const channel of [first, second, first]) channel.offer(moved);
  first.offer(still);
  await settle();
  expect(cluster.asked).toEqual([1]);
  expect(answered).toEqual([moved, still]);
});
