import { randomUUID } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import type { LogConfig } from "./config/log-config.ts";
import { openLog } from "./open-log.ts";

const ignore = () => undefined;

describe("opening the log on Kafka", () => {
  const topicPrefix = `kit-${randomUUID()}.`;
  const config: LogConfig = {
    kind: "kafka",
    brokers: (process.env["KAFKA_BROKERS"] ?? "").split(","),
    topicPrefix,
    partitions: 4,
    replication: { factor: 1, minInSync: 1 },
  };
  const open = (partitions: number, signal?: AbortSignal) => {
    const logger = { info: ignore, warn: ignore };
    const topics = [{ name: "events", partitions, cleanup: "none" }] as const;
    return openLog(config, { topics, node: "edge-1", logger, ...(signal && { signal }) });
  };

  test("makes the topics under the prefix, once, and stops where their partitions differ", async () => {
    const first = await open(4);
    expect(await first.bounds("events", 3)).toEqual({ start: 0, end: 0 });
    await first.close();
    await (await open(4)).close();
    await expect(open(5)).rejects.toThrow("topic events has partitions 4, where 5 is wanted");
  });

  test("waits for a broker that is not there, says so, and gives up when told to", async () => {
    const stop = new AbortController();
    const warn = vi.fn<() => void>(() => stop.abort());
    const away: LogConfig = { ...config, brokers: ["127.0.0.1:1"] };
    const opening = openLog(away, {
      topics: [],
      node: "edge-1",
      logger: { info: ignore, warn },
      signal: stop.signal,
    });
    await expect(opening).rejects.toMatchObject({ code: "closed" });
    expect(warn).toHaveBeenCalled();
  });
});
