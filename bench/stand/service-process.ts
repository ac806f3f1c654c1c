import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { NODE_FLAGS } from "@perdure/service-kit";
import { diesWithParent, freePorts } from "../../tools/kafka/broker.ts";
import { collectedBytes, inspectFlag } from "../measure/collected-bytes.ts";

/** A service as a process of its own. */
export interface RunningService {
  readonly pid: number;
  /** Resident memory without garbage. */
  collectedBytes(): Promise<number>;
  stop(): Promise<void>;
}

const readyLimitMs = 60_000;

/** Starts a service and waits until it says that it is ready. */
export async function startService(
  name: string,
  statusPort: number,
  environment: Readonly<Record<string, string>>,
): Promise<RunningService> {
  const { PATH = "", HOME = "" } = process.env;
  // With node's own flags, so that `--cpu-prof` profiles every process.
  const [inspectPort = 0] = await freePorts(1);
  const flags = new Set([...NODE_FLAGS, ...process.execArgv, inspectFlag(inspectPort)]);
  const [program, ...args] = [...diesWithParent(), process.execPath, ...flags, `services/${name}/src/main.ts`];
  const child = spawn(program, args, {
    env: { PATH, HOME, PERDURE_STATUS_PORT: String(statusPort), ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
  await ready(statusPort);
  const pid = child.pid ?? 0;
  return { pid, collectedBytes: () => collectedBytes(pid, inspectPort), stop: () => end(child) };
}

async function ready(statusPort: number): Promise<void> {
  const deadlineMs = Date.now() + readyLimitMs;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${statusPort}/readyz`).catch(() => undefined);
    if (response?.ok === true) return;
    if (Date.now() > deadlineMs) throw new Error(`nothing is ready on port ${statusPort}: see the messages above`);
    await sleep(100);
  }
}

/** Asks it to end, and waits. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
