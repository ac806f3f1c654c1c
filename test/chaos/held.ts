// What a process holds on to: open files and sockets, as the kernel tells, and what its event loop waits for.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Program } from "../support/program.ts";

/** Counts by kind: `socket to 9092`, `socket from a client`, `listening`, `file /tmp/…`, `handle Timeout`. */
export type Held = ReadonlyMap<string, number>;

const TELL_LIMIT_MS = 10_000;

export async function heldBy(program: Program): Promise<Held> {
  return counted([...descriptors(program.pid), ...(await handles(program))]);
}

function counted(kinds: readonly string[]): Held {
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function descriptors(pid: number): string[] {
  const sockets = tcpSockets(pid);
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const target = linkOf(`/proc/${pid}/fd/${fd}`);
    if (target === undefined) return [];
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined) return [sockets.get(inode) ?? "socket of another kind"];
    return [target.startsWith("/") ? `file ${target}` : target.replace(/:.*/, "")];
  });
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // Closed since the folder was read.
    return undefined;
  }
}

const LISTENING = "0A";

/** By inode. */
function tcpSockets(pid: number): Map<string, string> {
  const rows = ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n").slice(1),
  );
  const fields = rows.map((row) => row.trim().split(/\s+/)).filter(({ length }) => length > 9);
  const listening = new Set(fields.filter(([, , , state]) => state === LISTENING).map(([, local]) => portOf(local)));
  return new Map(
    fields.map(([, local, remote, state, , , , , , inode]) => {
      if (state === LISTENING) return [inode ?? "", "listening"];
      return [inode ?? "", listening.has(portOf(local)) ? "socket from a client" : `socket to ${portOf(remote)}`];
    }),
  );
}

const portOf = (address = ""): number => Number.parseInt(address.split(":").at(-1) ?? "", 16);

async function handles(program: Program): Promise<readonly string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
  const late = setTimeout(() => reject(new Error(`${program.name} does not say what it holds`)), TELL_LIMIT_MS);
  const end = program.onMessage((message) => {
    if (isHandles(message)) resolve(message.handles.map((kind) => `handle ${kind}`));
  });
  program.tell({ tell: "handles" });
  return promise.finally(() => {
    clearTimeout(late);
    end();
  });
}

const isHandles = (message: unknown): message is { readonly handles: readonly string[] } =>
  typeof message === "object" && message !== null && "is" in message && message.is === "handles";
