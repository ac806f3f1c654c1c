import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cleanup } from "@perdure/log";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ConfigError } from "./config/load-config.ts";
import { openLog } from "./open-log.ts";

const ignore = () => undefined;

describe("opening the embedded log", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "perdure-open-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const open = (partitions: number, cleanup: Cleanup = "none") =>
    openLog(
      { kind: "embedded", dir: join(dir, "log"), partitions },
      {
        topics: [{ name: "events", partitions, cleanup }],
        node: "edge-1",
        logger: { info: ignore, warn: ignore },
      },
    );

  test("makes its folder and topics, and finds them again", async () => {
    const first = await open(8);
    await first.append("events", 7, { key: new Uint8Array([1]), value: new Uint8Array([2]) });
    await first.close();
    const second = await open(8);
    expect(await second.bounds("events", 7)).toEqual({ start: 0, end: 1 });
    await second.close();
  });

  test("stops where the partitions are not those that it was made with, and says what to set; then lets go of it", async () => {
    await (await open(8)).close();
    await expect(open(16)).rejects.toThrow(ConfigError);
    await expect(open(16)).rejects.toThrow(
      "topic events has partitions 8, where 16 is wanted: set PERDURE_PARTITIONS to 8",
    );
    await (await open(8)).close();
  });

  test("stops where a topic keeps its entries otherwise", async () => {
    await (await open(8)).close();
    await expect(open(8, "compact")).rejects.toThrow("topic events has cleanup none, where compact is wanted");
  });
});
