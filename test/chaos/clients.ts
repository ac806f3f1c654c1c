// The people of a chaos run, as one process of many connections: they ask, read, come, go, and say what they see.
import { setTimeout as delay } from "node:timers/promises";
import { mintToken } from "@perdure/service-kit";
import { TENANT } from "../support/servers.ts";
import { complaintsOf } from "./complaints.ts";
import type { ClientsOrder, ClientsWord } from "./orders.ts";
import { seeded } from "./random.ts";
import { Room } from "./room.ts";

const env = (name: string): string => process.env[name] ?? "";
const sessionCount = Number(env("CHAOS_SESSIONS"));
const clientCount = Number(env("CHAOS_CLIENTS"));
const random = seeded(Number(env("CHAOS_SEED")));
const HOUR_MS = 3_600_000;
const EVERY_MS = 1_000;
/** Devices that leave and come, a second. */
const CHURN = Math.max(1, Math.round(clientCount / 40));

const claims = { participant: "ann", tenant: TENANT, role: "user", sessions: ["*"], mayCreate: true } as const;
const token = await mintToken(env("CHAOS_SECRET"), claims, HOUR_MS);
/** None before the first order: until then this process holds what it holds without clients. */
let rooms: readonly Room[] = [];

const roomsOf = (): readonly Room[] =>
  Array.from({ length: sessionCount }, (_, index) => {
    const ownCount = Math.floor(clientCount / sessionCount) + (index < clientCount % sessionCount ? 1 : 0);
    return new Room({ url: env("CHAOS_URL"), token, id: `room-${index}`, clientCount: ownCount, random });
  });

const say = (word: ClientsWord): void => void process.send?.(word);
let asking = new AbortController();

function progress(): void {
  const clients = rooms.flatMap((room) => room.clients);
  say({
    is: "progress",
    live: clients.filter(({ session }) => session.status.state === "live").length,
    away: clients.flatMap(({ name, session: { status } }) =>
      status.state === "live" ? [] : [`${name} is ${status.state} ${status.code ?? ""}`],
    ),
    asked: rooms.reduce((sum, { asked }) => sum + asked.length, 0),
    done: rooms.reduce((sum, { done }) => sum + done, 0),
    idle: rooms.every(({ isAsking }) => !isAsking),
    complaints: rooms.flatMap((room) => room.refusals),
  });
}

async function churn(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(EVERY_MS);
    for (let count = 0; count < CHURN; count += 1) rooms[random.between(0, rooms.length - 1)]?.replaceOne();
  }
}

const obey: Readonly<Record<ClientsOrder["do"], (order: ClientsOrder) => Promise<void> | void>> = {
  ask: () => {
    rooms = roomsOf();
    asking = new AbortController();
    for (const room of rooms) void room.ask(asking.signal);
    void churn(asking.signal);
  },
  finish: () => asking.abort(),
  look: async ({ agentsLeft = false }) => {
    const complaints = await Promise.all(rooms.map((room) => complaintsOf(room, agentsLeft)));
    say({
      is: "seen",
      complaints: complaints.flat(),
      rooms: rooms.map(({ id, asked }) => ({ id, asked })),
    });
  },
  leave: () => {
    for (const room of rooms) room.keepOne();
  },
  close: () => {
    for (const room of rooms) room.close();
  },
};

// What it holds is asked of tell-handles.ts in the same way.
process.on("message", (order: ClientsOrder | { readonly tell: string }) => {
  if ("do" in order) void obey[order.do](order);
});
setInterval(progress, EVERY_MS);
console.log("clients are there");
