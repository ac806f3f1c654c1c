/** What a bench and its crowd, a process of its own, say to each other. */
export type ToCrowd =
  | { readonly t: "open"; readonly port: number; readonly path: string; readonly clients: readonly CrowdClient[] }
  | { readonly t: "count" }
  | { readonly t: "cut" };

export interface CrowdClient {
  /** Sent when the connection is open. */
  readonly hello?: string;
  /** Sent at the first answer, which is the welcome. */
  readonly attach?: string;
}

export type FromCrowd =
  | { readonly t: "ready" }
  | { readonly t: "failed"; readonly why: string }
  | ({ readonly t: "counted" } & CrowdCount);

/** Since the last count. */
export interface CrowdCount {
  readonly frames: number;
  readonly bytes: number;
}
