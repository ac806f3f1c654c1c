import type { Task } from "../cluster/desk.ts";

export const SESSIONS = ["s-0", "s-1", "s-2"] as const;
export const NODES = ["keeper-0", "keeper-1", "edge-0", "edge-1", "ingest-0", "ingest-1"] as const;
export const PEOPLE = ["ann", "bea", "op", "eve"] as const;
export const WORKERS = ["bot-0", "bot-1"] as const;
export const BACKENDS = ["svc-0", "svc-1"] as const;

/** What the next connection of somebody meets while it is greeted. */
export type Trouble = "stall" | "mute" | "break" | "pause" | "kill";

/** What is done at one time in a run. */
export type Step = { readonly atMs: number } & Deed;

export type Deed =
  | {
      readonly kind: "say";
      readonly who: string;
      readonly session: string;
      readonly asks: boolean;
      readonly length: number;
      readonly toStaff: boolean;
    }
  | { readonly kind: "write"; readonly who: string; readonly session: string; readonly length: number }
  | { readonly kind: "signal"; readonly who: string; readonly signal: "cancel" | "steer" | "pause" }
  | { readonly kind: "haunt"; readonly who: string; readonly session: string }
  | { readonly kind: "toggle"; readonly who: string; readonly session: string }
  | { readonly kind: "work"; readonly who: string; readonly session: string; readonly task: Task }
  | { readonly kind: "flap"; readonly who: string; readonly session: string; readonly times: number }
  | { readonly kind: "kill"; readonly who: string; readonly downMs: number }
  | { readonly kind: "stop"; readonly who: string; readonly withinMs: number; readonly downMs: number }
  | { readonly kind: "upgrade"; readonly who: string }
  | { readonly kind: "pause"; readonly who: string; readonly forMs: number }
  | { readonly kind: "cut"; readonly one: string; readonly other: string; readonly forMs: number }
  | { readonly kind: "sever"; readonly who: string; readonly forMs: number }
  | { readonly kind: "storm"; readonly lossRate: number; readonly slowMs: number; readonly forMs: number }
  | { readonly kind: "compact"; readonly topic: string }
  | {
      readonly kind: "meet";
      readonly who: string;
      readonly trouble: Trouble;
      /** So many packets pass before a stall. */
      readonly packetCount: number;
      readonly afterMs: number;
      readonly forMs: number;
    }
  | { readonly kind: "rotate" }
  | { readonly kind: "keys"; readonly slowMs: number; readonly failRate: number; readonly forMs: number };
