import { entrySizeBytes, logLimits } from "@perdure/log";
import { expect, test } from "vitest";
import { openKafkaLog } from "./index.ts";

const brokers = (process.env["KAFKA_BROKERS"] ?? "").split(",");
const TOPIC = "events";

test("a broker takes the largest entry that the log lets through, and gives it back whole", async () => {
  const topicPrefix = `largest-${process.pid}-${Date.now()}.`;
  const log = await openKafkaLog({ brokers, topicPrefix, replication: { factor: 1, minInSync: 1 } });
  try {
    await log.provision([{ name: TOPIC, partitions: 1, cleanup: "none" }]);
    const key = Buffer.from("acme/s");
    const value = new Uint8Array(logLimits().entryBytes - entrySizeBytes({ key, value: new Uint8Array() }));
    // Noise, since what is all zeros would show nothing where it was packed on the way.
    for (let at = 0; at < value.length; at += 1) value[at] = (at * 2_654_435_761) >>> 24;
    const { offset } = await log.append(TOPIC, 0, { key, value });
    const [entry] = await log.read(TOPIC, 0, offset, { maxBytes: 1 });
    expect(Buffer.compare(entry?.value ?? Buffer.alloc(0), value)).toBe(0);
    const longer = log.append(TOPIC, 0, { key, value: new Uint8Array(value.length + 1) });
    await expect(longer).rejects.toMatchObject({ code: "too_large" });
  } finally {
    await log.close();
  }
});
