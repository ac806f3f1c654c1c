import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { freePorts } from "../../../tools/kafka/broker.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;
const EXAMPLES = new URL("../../../examples/hello", import.meta.url).pathname;

class Up {
  readonly #child: ChildProcess;
  #output = "";

  constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [MAIN, "up", "--folder", EXAMPLES, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => (this.#output += chunk.toString()));
    }
  }

  get output(): string {
    return this.#output;
  }

  async link(): Promise<URL> {
    return vi.waitFor(() => new URL(/Open {2}(\S+#code=\S+)/.exec(this.#output)?.[1] ?? ""), {
      timeout: 60_000,
      interval: 50,
    });
  }

  /** The exit code, once it has ended by the signal or by itself. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<number | null>();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode;
    this.#child.once("close", resolve);
    if (signal !== undefined) this.#child.kill(signal);
    return promise;
  }
}

const freePort = async (): Promise<number> => (await freePorts(1))[0] ?? 0;

const JSON_POST = { method: "POST", headers: { "content-type": "application/json" } };

/** A cookie for the code of a link; empty: it was refused. */
async function enter(link: URL): Promise<string> {
  const code = new URLSearchParams(link.hash.slice(1)).get("code");
  const answer = await fetch(new URL("/api/enter", link), { ...JSON_POST, body: JSON.stringify({ code }) });
  return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
}

interface State {
  readonly agent: { readonly phase: string; readonly pid: number; readonly starts: number };
  readonly server: { readonly phase: string; readonly pid: number; readonly starts: number };
}

async function state(link: URL, cookie: string): Promise<State> {
  const answer = await fetch(new URL("/api/state?session=s&from=0", link), { headers: { cookie } });
  const value: unknown = await answer.json();
  const isState = (one: unknown): one is State =>
    typeof one === "object" && one !== null && "agent" in one && "server" in one;
  if (!isState(value)) throw new Error(`no state: ${JSON.stringify(value)}`);
  return value;
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("perdure up", () => {
  let folder: string;
  const started: Up[] = [];
  const up = (...args: readonly string[]): Up => {
    const one = new Up(["--state", folder, ...args]);
    started.push(one);
    return one;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "perdure-up-"));
  });

  afterEach(async () => {
    for (const one of started.splice(0)) await one.end("SIGTERM");
    rmSync(folder, { recursive: true, force: true });
  });

  test("opens by a link that works once, keeps its secret, and takes the same cookie after a restart", async () => {
    const port = String(await freePort());
    const first = up("--port", port);
    const link = await first.link();
    const cookie = await enter(link);
    expect(cookie).not.toBe("");
    expect(await enter(link)).toBe("");
    expect(statSync(join(folder, "secret")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "agent-token")).mode & 0o777).toBe(0o600);
    expect(await first.end("SIGINT")).toBe(0);
    await up("--port", port).link();
    expect(await state(link, cookie)).toMatchObject({ agent: { phase: "up" }, server: { phase: "up" } });
  });

  test("kills agent and servers when asked to, and starts them again", async () => {
    const running = up("--port", String(await freePort()));
    const link = await running.link();
    const cookie = await enter(link);
    const before = await state(link, cookie);
    for (const what of ["agent", "server"] as const) {
      const headers = { ...JSON_POST.headers, cookie };
      await fetch(new URL("/api/kill", link), { method: "POST", headers, body: JSON.stringify({ what }) });
      await expect
        .poll(async () => (await state(link, cookie))[what], { timeout: 30_000 })
        .toMatchObject({ phase: "up", starts: 2 });
      expect(alive(before[what].pid)).toBe(false);
    }
  });

  test.each(["SIGINT", "SIGKILL"] as const)("leaves no process behind after %s", async (signal) => {
    const running = up("--port", String(await freePort()));
    const link = await running.link();
    const { agent, server } = await state(link, await enter(link));
    await running.end(signal);
    await expect.poll(() => [agent, server].map(({ pid }) => alive(pid)), { timeout: 10_000 }).toEqual([false, false]);
  });

  test("says what to do where another one uses the same state", async () => {
    const first = up("--port", String(await freePort()));
    await first.link();
    const second = up("--port", String(await freePort()));
    expect(await second.end()).toBe(1);
    expect(second.output).toMatch(/server could not start: .* is already open in process \d+: .*Stop that one, or/);
    expect(second.output).not.toContain('"stack"');
  });

  test("says what to do where the port is in use", async () => {
    const other = createServer();
    const { promise, resolve } = Promise.withResolvers<void>();
    const port = await freePort();
    other.listen(port, "127.0.0.1", resolve);
    await promise;
    const refused = up("--port", String(port));
    expect(await refused.end()).toBe(1);
    expect(refused.output).toMatch(/port \d+ is in use.*--port N \[port_in_use\]/);
    other.close();
  });
});
