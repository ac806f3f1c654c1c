import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Log } from "@perdure/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LogConfig } from "./config/log-config.ts";
import { createLogger } from "./logger.ts";
import { nodeService, type RunningNode } from "./node-service.ts";
import { openLog } from "./open-log.ts";
import type { Service } from "./run-service.ts";

const TOPIC = { name: "events", partitions: 1, cleanup: "none" } as const;

const logger = createLogger({ service: "edge", node: "edge-1", level: "silent" });

let dir: string;
let steps: string[];
let log: Log | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "node-service-"));
  steps = [];
  log = undefined;
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const node: RunningNode = {
  drain: async (withinMs) => void steps.push(`drain within ${withinMs}`),
  stop: async () => void steps.push(`stop, the log ${(await log?.bounds("events", 0)) ? "open" : "closed"}`),
};

function service(
  start: () => Promise<RunningNode>,
  logConfig: LogConfig = { kind: "embedded", dir, partitions: 1 },
): Service {
  return nodeService(
    {
      name: "edge",
      config: { node: "edge-1", status: { host: "127.0.0.1", port: 0 }, drainMs: 10_000 },
      logConfig,
      topics: [TOPIC],
      logger,
      start: (parts) => {
        ({ log } = parts);
        return start();
      },
    },
    () => undefined,
  );
}

test("a node has part of the time to drain, and stops before its log closes", async () => {
  const running = service(async () => node);
  await running.start();
  await running.drain();
  await running.stop();
  expect(steps).toEqual(["drain within 6000", "stop, the log open"]);
  await expect(log?.bounds("events", 0)).rejects.toMatchObject({ code: "closed" });
});

test("where the node cannot start, its log is closed all the same", async () => {
  const failing = service(() => Promise.reject(new Error("the port is in use")));
  await expect(failing.start()).rejects.toThrow("the port is in use");
  await failing.drain();
  await failing.stop();
  await expect(log?.bounds("events", 0)).rejects.toMatchObject({ code: "closed" });
});

test("a node that is stopped while its log is opened lets go of that log, and does not start", async () => {
  const stopped = Promise.withResolvers<void>();
  const logConfig = {
    kind: "embedded",
    partitions: 1,
    get dir() {
      queueMicrotask(() => stopped.resolve(running.stop()));
      return dir;
    },
  } as const;
  const running = service(async () => node, logConfig);
  await expect(running.start()).rejects.toThrow("aborted");
  await stopped.promise;
  expect(log).toBeUndefined();
  const next = await openLog({ kind: "embedded", dir, partitions: 1 }, { topics: [TOPIC], node: "edge-1", logger });
  await next.close();
});
