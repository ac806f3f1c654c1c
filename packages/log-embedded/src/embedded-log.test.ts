import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Log } from "@perdure/log";
import { openEmbeddedLog } from "./index.ts";

const WRITER = join(import.meta.dirname, "../test/append-until-killed.ts");
const TOPIC = { name: "events", partitions: 2, cleanup: "none" } as const;
const INDEX = { name: "index", partitions: 2, cleanup: "compact" } as const;
const key = new TextEncoder().encode("key");

let dir: string;
let open: Log[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "perdure-embedded-"));
  open = [];
});

afterEach(async () => {
  for (const log of open) await log.close();
  rmSync(dir, { recursive: true, force: true });
});

async function opened(options: { readonly clock?: () => number } = {}): Promise<Log> {
  const log = await openEmbeddedLog({ dir, ...options });
  open.push(log);
  await log.provision([TOPIC, INDEX]);
  return log;
}

describe("the directory", () => {
  test("belongs to one log of this process at a time", async () => {
    const log = await opened();
    await expect(openEmbeddedLog({ dir })).rejects.toMatchObject({ code: "unavailable" });
    await expect(openEmbeddedLog({ dir: `${dir}/../${dir.split("/").at(-1)}` })).rejects.toThrow(/already open/);
    await log.append("events", 0, { key, value: key });
    await log.close();
    await (await opened()).append("events", 0, { key, value: key });
  });

  test("is refused while another process holds it, and free once that one was killed", async () => {
    await (await opened()).close();
    const writer = spawn(process.execPath, [WRITER, dir, "events", "100000"], { stdio: ["ignore", "pipe", "inherit"] });
    await once(createInterface(writer.stdout), "line");
    await expect(openEmbeddedLog({ dir })).rejects.toThrow(`already open in process ${writer.pid}`);
    const exited = once(writer, "exit");
    writer.kill("SIGKILL");
    await exited;
    const log = await opened();
    expect((await log.bounds("events", 0)).end).toBeGreaterThan(0);
  });

  test("that cannot be made is an error which names it", async () => {
    await expect(openEmbeddedLog({ dir: "/dev/null/nowhere" })).rejects.toThrow("/dev/null/nowhere");
  });
});

describe("time", () => {
  test("is the clock's, and stands still where the clock goes back, also over a restart", async () => {
    let nowMs = 5_000;
    const clock = (): number => nowMs;
    const log = await opened({ clock });
    await log.append("events", 0, { key, value: key });
    nowMs = 3_000;
    await log.append("events", 0, { key, value: key });
    await log.append("events", 1, { key, value: key });
    await log.close();
    const again = await opened({ clock });
    await again.append("events", 0, { key, value: key });
    nowMs = 6_000;
    await again.append("events", 0, { key, value: key });
    const times = async (partition: number): Promise<number[]> =>
      (await again.read("events", partition, 0, { maxBytes: 10_000 })).map(({ timeMs }) => timeMs);
    expect(await times(0)).toEqual([5_000, 5_000, 5_000, 6_000]);
    expect(await times(1)).toEqual([3_000]);
  });
});

describe("a compacted topic", () => {
  const offsets = async (log: Log): Promise<number[]> =>
    (await log.read("index", 0, 0, { maxBytes: 10_000 })).map(({ offset }) => offset);

  test("keeps the last entry of each key on disk, and a tombstone for a day", async () => {
    let nowMs = 1_000_000;
    const clock = (): number => nowMs;
    const log = await opened({ clock });
    const other = new TextEncoder().encode("other");
    for (const value of [key, other, null]) await log.append("index", 0, { key, value });
    await log.append("index", 0, { key: other, value: other });
    expect(await offsets(log)).toEqual([2, 3]);
    await log.close();
    nowMs += 23 * 3_600_000;
    const soon = await opened({ clock });
    expect(await offsets(soon)).toEqual([2, 3]);
    await soon.close();
    nowMs += 2 * 3_600_000;
    const later = await opened({ clock });
    expect(await offsets(later)).toEqual([3]);
    expect(await later.append("index", 0, { key, value: key })).toMatchObject({ offset: 4 });
  });

  test("has the entry that the last commit replaced until the next one, or until it is opened again", async () => {
    const log = await opened();
    for (const value of [key, null, key]) await log.append("index", 0, { key, value });
    expect(await offsets(log)).toEqual([1, 2]);
    await log.append("events", 0, { key, value: key });
    expect(await offsets(log)).toEqual([2]);
    await log.append("index", 0, { key, value: null });
    await log.close();
    expect(await offsets(await opened())).toEqual([3]);
  });

  test("has nothing of a removed key when its tombstone has gone", async () => {
    let nowMs = 1_000_000;
    const log = await opened({ clock: () => nowMs });
    for (const value of [key, null]) await log.append("index", 0, { key, value });
    await log.close();
    nowMs += 25 * 3_600_000;
    expect(await offsets(await opened({ clock: () => nowMs }))).toEqual([]);
  });

  test("keeps the latest entry of a key whose tombstone is old", async () => {
    let nowMs = 1_000_000;
    const log = await opened({ clock: () => nowMs });
    await log.append("index", 0, { key, value: null });
    nowMs += 25 * 3_600_000;
    await log.append("index", 0, { key, value: key });
    await log.close();
    const again = await opened({ clock: () => nowMs });
    await again.append("index", 0, { key, value: key });
    await again.append("events", 0, { key, value: key });
    expect(await offsets(again)).toEqual([2]);
  });
});

describe("a disk that is full", () => {
  test("refuses what it cannot keep, and what it acknowledged is there afterwards", async () => {
    await (await opened()).close();
    // No file of the writer may grow beyond this many blocks of 1,024 bytes.
    const command = `ulimit -f 2048; exec "$0" "$@"`;
    const writer = spawnSync("bash", ["-c", command, process.execPath, WRITER, dir, "events", "4000", "1500"], {
      encoding: "utf8",
    });
    expect(writer.stderr).toContain("unavailable");
    const acknowledged = writer.stdout.trim().split("\n").map(Number);
    expect(acknowledged.length).toBeGreaterThan(0);
    const log = await opened();
    const stored = new Set<number>();
    for (let at = 0; at < (await log.bounds("events", 0)).end;) {
      const entries = await log.read("events", 0, at, { maxBytes: 1_000_000 });
      for (const { value } of entries) stored.add(Number.parseInt(new TextDecoder().decode(value ?? key), 10));
      at = (entries.at(-1)?.offset ?? at) + 1;
    }
    expect(acknowledged.filter((each) => !stored.has(each))).toEqual([]);
    await log.append("events", 0, { key, value: key });
  });
});
