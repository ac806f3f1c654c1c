/** Where a reader reads tokens from. */
export type Source =
  /** Raw Kafka: every partition of one topic, from its beginning. */
  | {
      readonly t: "log";
      readonly brokers: string;
      readonly topicPrefix: string;
      readonly topic: string;
      readonly partitions: number;
    }
  /** The bare relay: as many sockets as sessions. */
  | { readonly t: "sockets"; readonly url: string; readonly sessionCount: number }
  /** An edge: a client for each session, which asks the agent for a run. */
  | {
      readonly t: "viewers";
      readonly url: string;
      readonly token: string;
      readonly sessions: readonly string[];
      readonly agent: string;
    };

export type ToReader =
  | { readonly t: "open"; readonly source: Source }
  /** So many tokens, numbered from 0, are on their way from now on. */
  | { readonly t: "expect"; readonly count: number };

export type FromReader =
  | { readonly t: "ready" }
  /** When each has arrived, by `sharedNowMs`. */
  | { readonly t: "arrived"; readonly atMs: readonly number[] };
