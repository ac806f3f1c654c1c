import { ManualClock, OneSession } from "@perdure/replica/testing";
import { createLogger, createMetrics, createVerifier, Paced } from "@perdure/service-kit";
import type { AgentDeps } from "../agents/deps.ts";
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from "../limits.ts";
import { ingestMetrics } from "../metrics.ts";

/** What a node works with, on a clock that the test moves, and with one session that has begun. */
export interface OneSessionNode {
  readonly clock: ManualClock;
  readonly replica: OneSession;
  readonly node: { readonly name: string; incarnation: number; declaredOver: (incarnation: number) => void };
  readonly deps: AgentDeps;
}

export function oneSessionNode(limits: Partial<IngestLimits> = {}): OneSessionNode {
  const clock = new ManualClock();
  const replica = new OneSession();
  const actor = { tenant: "acme", participant: "ann", role: "ROLE_USER" } as const;
  replica.publish({ producer: "p", first: 1, last: 1, actor, events: [{ sessionCreated: {} }] });
  const node: OneSessionNode["node"] = {
    name: "ingest-1",
    incarnation: 1,
    declaredOver: (incarnation) => void (node.incarnation = incarnation + 1),
  };
  const allLimits = { ...DEFAULT_INGEST_LIMITS, ...limits };
  const deps = {
    replica,
    node,
    verifier: createVerifier({ keys: { kind: "secret", secret: "a secret of thirty-two bytes or more" } }),
    clock,
    logger: createLogger({ service: "ingest", node: "ingest-1", level: "silent" }),
    metrics: ingestMetrics(createMetrics({ service: "ingest", node: "ingest-1" })),
    announcing: new Paced<object>(clock, { perSecond: allLimits.announcesPerSecond, begins: "at once" }),
    limits: allLimits,
    advertisedUrl: "",
  };
  return { clock, replica, node, deps };
}
