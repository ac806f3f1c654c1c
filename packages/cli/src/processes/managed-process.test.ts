import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { ManagedProcess } from "./managed-process.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "perdure-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function managed(path: string, onReady?: (message: unknown) => void): ManagedProcess {
  const spec = {
    name: "worker",
    args: [path],
    env: { GREETING: "hello" },
    cwd: folder,
    logPath: join(folder, "worker.log"),
  };
  const process = new ManagedProcess(spec, onReady);
  onTestFinished(() => process.stop());
  return process;
}

const WORKER = "process.send({ pid: process.pid, greeting: process.env.GREETING }); setInterval(() => {}, 1000);";

/** Resolves at the n-th start. */
function starts(): { onReady: (message: unknown) => void; nth: (count: number) => Promise<unknown> } {
  const seen: unknown[] = [];
  const waiting = new Map<number, (message: unknown) => void>();
  return {
    onReady(message) {
      seen.push(message);
      waiting.get(seen.length)?.(message);
    },
    nth(count) {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      if (seen.length >= count) resolve(seen[count - 1]);
      else waiting.set(count, resolve);
      return promise;
    },
  };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a process that is kept running", () => {
  it("is ready when it says so, and hands on what it said", async () => {
    const { onReady, nth } = starts();
    const worker = managed(script("worker.js", WORKER), onReady);
    await worker.start();
    expect(await nth(1)).toMatchObject({ greeting: "hello", pid: worker.status.pid });
    expect(worker.status).toMatchObject({ phase: "up", starts: 1 });
  });

  it("is started again when it is killed", async () => {
    const { onReady, nth } = starts();
    const worker = managed(script("worker.js", WORKER), onReady);
    await worker.start();
    const before = worker.status.pid;
    worker.kill();
    await nth(2);
    expect(worker.status).toMatchObject({ phase: "up", starts: 2 });
    expect(worker.status.pid).not.toBe(before);
  });

  it("that cannot start says what it printed, and where the rest is", async () => {
    const worker = managed(script("broken.js", "console.error('no database here'); process.exit(3);"));
    const starting = worker.start();
    await expect(starting).rejects.toMatchObject({ code: "start_failed" });
    await expect(starting).rejects.toThrow(/ended with code 3.*worker\.log[\s\S]*no database here/);
  });

  it("is not started again once it was told to stop", async () => {
    const worker = managed(script("worker.js", WORKER));
    await worker.start();
    const { pid = 0 } = worker.status;
    await worker.stop();
    expect(alive(pid)).toBe(false);
    expect(worker.status.phase).toBe("stopped");
  });

  it("keeps what it printed in its file", async () => {
    const worker = managed(
      script("chatty.js", "console.log('one'); console.error('two'); process.send(1); setInterval(() => {}, 1000);"),
    );
    await worker.start();
    await worker.stop();
    await expect.poll(() => readFileSync(join(folder, "worker.log"), "utf8")).toContain("one");
  });

  it("does not outlive a supervisor that was killed", async () => {
    script("worker.mjs", WORKER);
    const supervisor = script(
      "supervisor.mjs",
      `import { ManagedProcess } from ${JSON.stringify(new URL("./managed-process.ts", import.meta.url).href)};
       const spec = { name: "w", args: ["worker.mjs"], env: {}, cwd: ${JSON.stringify(folder)}, logPath: ${JSON.stringify(join(folder, "w.log"))} };
       const worker = new ManagedProcess(spec, ({ pid }) => console.log(pid));
       await worker.start();`,
    );
    const parent = spawn(process.execPath, [supervisor], { stdio: ["ignore", "pipe", "inherit"] });
    const { promise, resolve } = Promise.withResolvers<number>();
    parent.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk.toString())));
    const pid = await promise;
    expect(alive(pid)).toBe(true);
    parent.kill("SIGKILL");
    await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false);
  });
});
