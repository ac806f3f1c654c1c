/** What the page asks of the supervisor that serves it. */
import type { TruthLine } from "./truth/produced.ts";

export interface ProcessStatus {
  readonly phase: "starting" | "up" | "down" | "stopped";
  readonly pid?: number;
  readonly starts: number;
}

export interface SupervisorState {
  readonly agent: ProcessStatus;
  readonly server: ProcessStatus;
  /** Name of the folder that the analyst reads. */
  readonly folder: string;
  /** Model that it asks; empty: none. */
  readonly model: string;
  readonly suggestions: readonly string[];
  readonly lan: boolean;
  readonly truth: { readonly lines: readonly TruthLine[]; readonly next: number };
}

export interface DeviceLink {
  readonly url: string;
  readonly livesMs: number;
  /** SVG; absent where a phone could not reach it. */
  readonly qr?: string;
}

/** An answer that is no answer: `code` says why. */
export class SupervisorError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "SupervisorError";
    this.code = code;
  }
}

/** Shows the code of a link; afterwards the browser has a cookie. Throws SupervisorError `link_expired`. */
export const enter = (code: string): Promise<unknown> => ask("/api/enter", { code });

/** As whom the page is used. */
export type PageRole = "user" | "operator";

/** A token for the edge. Throws SupervisorError `unauthenticated` where this browser never showed a code. */
export async function getToken(role: PageRole): Promise<string> {
  const { token } = await ask<{ token: string }>("/api/token", { role });
  return token;
}

/** Where everything stands, and what the agent produced in the session since line `from`. */
export function getState(session: string, from: number): Promise<SupervisorState> {
  return ask(`/api/state?${new URLSearchParams({ session, from: String(from) })}`);
}

export const goOffline = (device: string, forMs: number): Promise<unknown> => ask("/api/offline", { device, forMs });
export const kill = (what: "agent" | "server"): Promise<unknown> => ask("/api/kill", { what });
export const getLink = (session: string): Promise<DeviceLink> => ask("/api/link", { session });

async function ask<T>(path: string, body?: object): Promise<T> {
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, body === undefined ? {} : post);
  const answer: unknown = await response.json();
  if (!response.ok) throw errorOf(answer);
  // The supervisor that serves this page is of the same version as the page.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return answer as T;
}

function errorOf(answer: unknown): SupervisorError {
  const fields = typeof answer === "object" && answer !== null ? answer : {};
  const code = "code" in fields && typeof fields.code === "string" ? fields.code : "internal";
  const message = "message" in fields && typeof fields.message === "string" ? fields.message : "the supervisor failed";
  return new SupervisorError(code, message);
}
