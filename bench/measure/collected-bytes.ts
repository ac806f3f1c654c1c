import { residentBytes } from "./process-usage.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** Node does not listen there until it is asked to (SIGUSR1). */
export const inspectFlag = (port: number): string => `--inspect-port=127.0.0.1:${port}`;

const pauseMs = 50;
const tries = 200;
/** The first leaves pages that only hold little, and some that are kept ready, which the second gives back. */
const collections = 2;

/**
 * Resident memory of a Node process once its garbage is collected: what it needs. The runtime itself collects when it
 * runs short of the space that it has taken, which depends on what happened last and not on what is held.
 */
export async function collectedBytes(pid: number, inspectPort: number): Promise<number> {
  process.kill(pid, "SIGUSR1");
  const socket = new WebSocket(await debuggerUrl(inspectPort));
  await event(socket, "open");
  for (let id = 1; id <= collections; id += 1) {
    const answered = event(socket, "message");
    socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
    await answered;
    await sleep(pauseMs);
  }
  socket.close();
  return residentBytes(pid);
}

async function debuggerUrl(port: number): Promise<string> {
  for (let tried = 0; tried < tries; tried += 1) {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    const url = /"webSocketDebuggerUrl": *"([^"]+)"/.exec((await response?.text()) ?? "")?.[1];
    if (url !== undefined) return url;
    await sleep(pauseMs);
  }
  throw new Error(`no process lets itself be inspected at port ${port}`);
}

function event(socket: WebSocket, name: "open" | "message"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener(name, () => resolve(), { once: true });
  socket.addEventListener("error", () => reject(new Error("the inspector cannot be reached")), { once: true });
  return promise;
}
