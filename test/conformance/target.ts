// What the transcripts are played against: an edge of this repository on the embedded log, or whatever
// PERDURE_CONFORMANCE names.
import { readFileSync } from "node:fs";
import type { TokenClaims } from "@perdure/service-kit";
import { token, urlOf, type World } from "../edge/support.ts";
import { ScriptedAgent } from "./agent.ts";
import type { ServerDeed } from "./transcript.ts";

export interface Target {
  /** Where a connection is to be made now, `ws://…/v1/connect`. */
  readonly url: string;
  /** A token of this holder, by the names in test/conformance/README.md. */
  token(holder: string): Promise<string>;
  /** Whether who plays owns it: `make` and `agent` can be asked for. */
  readonly isOurs: boolean;
  make(deed: ServerDeed): Promise<void>;
  /** An agent of this name that has joined the session. */
  agent(name: string, session: string): Promise<ScriptedAgent>;
}

const MOVE_MS = 300;

const claims: Readonly<Record<string, Partial<TokenClaims>>> = {
  ann: { participant: "ann", name: "Ann" },
  "ann.narrow": { participant: "ann", sessions: ["nothing"] },
  "ann.expired": { participant: "ann" },
  "ann.brief": { participant: "ann" },
  ben: { participant: "ben", mayCreate: false },
  olga: { participant: "olga", role: "operator" },
  omar: { participant: "omar", role: "operator" },
  otto: { participant: "otto", role: "observer" },
};
const lifetimesMs: Readonly<Record<string, number>> = { "ann.expired": -60_000, "ann.brief": 1_500 };

/** The token of a holder, made by whoever can sign; of one that nobody knows, none. */
export async function tokenOf(
  holder: string,
  mint: (claims: Partial<TokenClaims>, ttlMs?: number) => Promise<string>,
): Promise<string> {
  const own = claims[holder];
  return own === undefined ? "a.b.c" : mint(own, lifetimesMs[holder]);
}

/** An edge for one transcript, so that what it does to the server nobody else feels. */
export async function ownTarget(world: World): Promise<Target> {
  let edge = await world.edge();
  return {
    get url() {
      return urlOf(edge);
    },
    token: (holder) => tokenOf(holder, token),
    isOurs: true,
    async make(deed) {
      const before = edge;
      edge = await world.edge(optionsOf(deed, world));
      if (deed === "drains") void before.drain(MOVE_MS);
    },
    agent: (name, session) => ScriptedAgent.join(world, name, session),
  };
}

/** Of the edge to which those come who connect from now on. */
function optionsOf(deed: ServerDeed, world: World): Parameters<World["edge"]>[0] {
  switch (deed) {
    case "drains":
      return {};
    case "forgets":
      return { replica: world.freshReplica({ recentRecords: 1 }) };
    case "has room for one":
      return { limits: { connections: 1 } };
    case "waits 1 s for slow clients":
      return { limits: { lagMs: 1_000 } };
    case "cannot judge tokens":
      return { verifier: { verify: () => new Promise(() => undefined) } };
  }
}

/** A server that nobody here can ask for anything but what the protocol says. */
export const targetAt = (url: string, getToken: (holder: string) => Promise<string>): Target => ({
  url,
  token: getToken,
  isOurs: false,
  make: () => Promise.reject(new Error("a server of somebody else is asked for nothing")),
  agent: () => Promise.reject(new Error("a server of somebody else has agents of its own")),
});

interface Described {
  readonly url: string;
  readonly tokens: Readonly<Record<string, string>>;
}

/** The server that a file describes: `{"url": …, "tokens": {…}}`. */
export function describedTarget(path: string): Target {
  const value: unknown = JSON.parse(readFileSync(path, "utf8"));
  if (!isDescribed(value)) throw new Error(`${path} must hold {"url": …, "tokens": {…}}`);
  return targetAt(value.url, (holder) => Promise.resolve(value.tokens[holder] ?? ""));
}

const isDescribed = (value: unknown): value is Described =>
  typeof value === "object" && value !== null && "url" in value && "tokens" in value;
