/** What a bench and its crowd, a process of its own, say to each other. */
export type ToCrowd =
  | { readonly t: "open"; readonly port: number; readonly path: string; readonly clients: readonly CrowdClient[] }
  | { readonly t: "storm"; readonly port: number; readonly path: string; readonly clients: readonly CrowdClient[] }
  | { readonly t: "count" }
  | { readonly t: "cut" };

export interface CrowdClient {
  /** Sent when the connection is open. */
  readonly hello?: string;
  /** Sent at the welcome. */
  readonly attach?: string;
  /** What stands in the welcome and in the answer to `attach`, by default in an edge's; empty: none is waited for. */
  readonly marks?: { readonly welcome: string; readonly attached: string };
}

export type FromCrowd =
  | { readonly t: "ready" }
  | { readonly t: "failed"; readonly why: string }
  | ({ readonly t: "counted" } & CrowdCount)
  | ({ readonly t: "calmed" } & StormResult);

/** Since the last count. */
export interface CrowdCount {
  readonly frames: number;
  readonly bytes: number;
}

/** How a crowd that came all at once was taken in. */
export interface StormResult {
  /** How many were brought up to date in which way. */
  readonly how: Readonly<Record<string, number>>;
  /** Times that somebody was sent away, and of them those without a time to come back. */
  readonly refused: number;
  readonly refusedWithoutTime: number;
  /** Of each client, from the beginning until it was attached. */
  readonly tookMs: readonly number[];
}
