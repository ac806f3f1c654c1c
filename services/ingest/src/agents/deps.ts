import type { Replica } from "@perdure/replica";
import type { Clock, Logger, Paced, Verifier } from "@perdure/service-kit";
import type { IngestLimits } from "../limits.ts";
import type { IngestMetrics } from "../metrics.ts";
import type { NodeIdentity } from "./identity.ts";

/** What every stream of a node works with. */
export interface AgentDeps {
  readonly replica: Replica;
  readonly node: NodeIdentity;
  readonly verifier: Verifier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: IngestMetrics;
  /** Says again where agents are here. */
  readonly announcing: Paced<object>;
  readonly limits: IngestLimits;
  /** Where agents send their heartbeats; empty: where their streams go. */
  readonly advertisedUrl: string;
}
