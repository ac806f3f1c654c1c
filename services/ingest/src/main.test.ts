import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let dir: string;
const processes: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "perdure-ingest-main-"));
});

afterEach(async () => {
  for (const child of processes.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(dir, { recursive: true, force: true });
});

function start(variables: NodeJS.ProcessEnv): ChildProcess {
  const script = fileURLToPath(new URL("main.ts", import.meta.url));
  const env = { PATH: process.env["PATH"], PERDURE_LOG_DIR: dir, ...variables };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "pipe"] });
  processes.push(child);
  return child;
}

async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

const secret = { PERDURE_AUTH_SECRET: "a secret of thirty-two bytes or more" };

describe("an ingest node as a process", () => {
  test("does not start with a wrong configuration, and names every variable at fault", async () => {
    const child = start({
      ...secret,
      PERDURE_INGEST_PORT: "lots",
      PERDURE_INGST_HOST: "x",
      PERDURE_INGEST_TLS_KEY_FILE: "k",
    });
    const [said, exit] = await Promise.all([textOf(child.stderr), once(child, "exit")]);
    expect(exit).toEqual([2, null]);
    expect(said).toContain("PERDURE_INGEST_PORT");
    expect(said).toContain("PERDURE_INGST_HOST: there is no such variable");
  });

  test("is ready once it serves, and stops in good order when it is told to", async () => {
    const child = start({ ...secret, PERDURE_INGEST_PORT: "0", PERDURE_STATUS_PORT: "0", PERDURE_NODE: "ingest-9" });
    const lines = createInterface({ input: child.stdout ?? process.stdin });
    const exited = once(child, "exit");
    for await (const line of lines) {
      const entry: unknown = JSON.parse(line);
      expect(entry).toMatchObject({ service: "ingest", node: "ingest-9" });
      if (line.includes('"ingest serves"')) child.kill("SIGTERM");
    }
    expect(await exited).toEqual([0, null]);
  });
});
