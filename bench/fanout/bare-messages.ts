/** What a bench and the bare uWebSockets server say to each other. */
export type ToBare =
  /** Sockets that open from now on share out so many topics. */
  | { readonly t: "sessions"; readonly count: number }
  | { readonly t: "publish"; readonly perSecond: number; readonly durationMs: number };

export type FromBare = { readonly t: "listening"; readonly port: number } | { readonly t: "done" };
