import { toJson } from "@bufbuild/protobuf";
import type { Server } from "@grpc/grpc-js";
import { PerdureError } from "@perdure/core";
import { SignalService, UsageReportedSchema } from "@perdure/protocol";
import type { Verifier } from "@perdure/service-kit";
import { registerUnary } from "../grpc/methods.ts";
import { refusedBy } from "../refusal.ts";
import { actorOfGrant, coveredKey } from "./grants.ts";
import type { ReportedAgents } from "./reported-agents.ts";
import type { SessionWriters } from "./session-writers.ts";

export interface SignalDeps {
  readonly verifier: Verifier;
  readonly writers: SessionWriters;
  readonly reported: ReportedAgents;
}

/** For gateways and backends that hold no stream: what something cost, and that an agent is alive. */
export function registerSignalService(server: Server, { verifier, writers, reported }: SignalDeps): void {
  const { method } = SignalService;
  registerUnary(server, verifier, method.reportUsage, async ({ session, usage }, grant) => {
    if (usage === undefined) throw new PerdureError("invalid_event", "there is no usage");
    const event = { usageReported: toJson(UsageReportedSchema, usage) };
    const verdict = await writers.write(coveredKey(grant, session), actorOfGrant(grant), () => [event]);
    const refused = refusedBy(verdict);
    if (refused !== undefined) throw refused;
    return { seq: verdict.seq };
  });
  registerUnary(server, verifier, method.reportPresence, (request, grant) => reported.report(request, grant));
}
