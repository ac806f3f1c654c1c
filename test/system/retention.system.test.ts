import { Kafka, logLevel } from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { Counter } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { Servers } from "../support/servers.ts";

/** As somebody's retention, or a wrong command, would do it: perdure is not asked. */
async function removeAllEvents({ brokers, topicPrefix }: Servers): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const topic = `${topicPrefix}events`;
  const ends = await admin.fetchTopicOffsets(topic);
  const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

test("records that Kafka removed before a head covered them are said to be lost, never passed over (SPEC 12)", async () => {
  const servers = await Servers.start({ log: "kafka" });
  onTestFinished(() => servers.stop());
  const counter = await Counter.start(servers, 250);
  onTestFinished(() => counter.stop());
  const ann = new Person(servers, "overtaken");
  onTestFinished(() => ann.close());
  const { runId = "" } = await ann.session.send("10 10", { agent: "counter" });
  await ann.seesEnd(runId);
  await servers.program("keeper").kill();
  await ann.session.send("this no head covers", { agent: false });

  await removeAllEvents(servers);
  await servers.killAndRestart("edge");

  for (const device of [ann, new Person(servers, "overtaken")]) {
    onTestFinished(() => device.close());
    const { promise: told, resolve } = Promise.withResolvers<string | undefined>();
    device.session.on("status", ({ state, code }) => {
      if (state === "refused") resolve(code);
    });
    expect(await told).toBe("history_lost");
  }
});
