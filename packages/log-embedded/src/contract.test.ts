import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { logContract } from "@perdure/log/contract";
import { afterAll } from "vitest";
import { openEmbeddedLog } from "./index.ts";

const dir = mkdtempSync(join(tmpdir(), "perdure-log-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const WRITER = join(import.meta.dirname, "../test/append-until-killed.ts");

/** Lets a process of its own append, and kills it with -9 when half of it has been acknowledged. */
async function appendThroughKill(topic: string, count: number): Promise<readonly number[]> {
  const writer = spawn(process.execPath, [WRITER, dir, topic, String(count)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(writer, "exit");
  const acknowledged: number[] = [];
  for await (const line of createInterface(writer.stdout)) {
    acknowledged.push(Number(line));
    if (acknowledged.length === count / 2) writer.kill("SIGKILL");
  }
  await exited;
  return acknowledged;
}

logContract("embedded log", {
  open: (options = {}) => openEmbeddedLog({ dir, ...(options.limits === undefined ? {} : { limits: options.limits }) }),
  appendThroughKill,
});
