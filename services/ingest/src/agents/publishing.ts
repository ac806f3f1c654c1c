import { PerdureError, type Verdict } from "@perdure/core";
import type { RecordJson } from "@perdure/protocol";
import type { Clock } from "@perdure/service-kit";
import { refusalOf } from "../refusal.ts";
import type { IngestMetrics } from "../metrics.ts";
import { actorOf, type AgentIdentity } from "./identity.ts";
import type { JoinedSession } from "./joined-session.ts";
import type { Outgoing } from "./outgoing.ts";
import { StoredMarks } from "./stored-marks.ts";
import { isForNodes } from "./reserved.ts";
import { refusalMessage, verdictMessage } from "./wire.ts";

export interface PublishingOptions {
  readonly session: JoinedSession;
  readonly agent: AgentIdentity;
  readonly outgoing: Outgoing;
  readonly metrics: IngestMetrics;
  readonly clock: Clock;
}

/** What an agent writes in one session: into the log under the agent's own name, and the two answers back. */
export class Publishing {
  readonly #options: PublishingOptions;
  readonly #stored: StoredMarks;

  constructor(options: PublishingOptions) {
    this.#options = options;
    const session = options.session.id;
    this.#stored = new StoredMarks(options.clock, (producer, number) =>
      options.outgoing.send({ case: "stored", value: { session, producer, number } }),
    );
  }

  /** Settles when the record has been answered. Never throws. */
  async publish(record: RecordJson): Promise<void> {
    const { session, outgoing, metrics } = this.#options;
    try {
      this.#checkAllowed(record);
      const { stored, applied } = session.held.publish({ ...record, actor: actorOf(this.#options.agent) });
      this.#watchStored(record, stored);
      const verdict = await applied;
      this.#stored.judged(record);
      metrics.judged(verdict.kind === "rejected" ? verdict.code : verdict.kind);
      this.#tell(record, verdict);
    } catch (error) {
      const refused = refusalOf(error);
      metrics.judged(refused.code);
      // A session that is lost here is joined again, and what has no answer is sent again there.
      if (!session.over) outgoing.send({ case: "verdict", value: refusalMessage(session.id, record, refused) });
    }
  }

  #tell(record: RecordJson, verdict: Verdict): void {
    // The agent hears the accepted record itself, which says as much.
    if (verdict.kind === "accepted") return;
    const { session, outgoing } = this.#options;
    outgoing.send({ case: "verdict", value: verdictMessage(session.id, record, verdict) });
  }

  /** What the log refuses, the verdict refuses too. */
  #watchStored(record: RecordJson, stored: Promise<unknown>): void {
    const end = this.#options.metrics.timeStored();
    stored.then(
      () => {
        end();
        this.#stored.stored(record);
      },
      () => this.#stored.failed(record),
    );
  }

  #checkAllowed(record: RecordJson): void {
    const { actor, events = [], cause } = record;
    const self = actorOf(this.#options.agent);
    const same =
      actor === undefined ||
      (actor.tenant === self.tenant &&
        actor.participant === self.participant &&
        actor.role === self.role &&
        actor.instance === self.instance);
    if (!same) throw new PerdureError("forged_actor", "the actor is not this token's and instance's: leave it out");
    if (cause !== undefined || events.some(isForNodes)) {
      throw new PerdureError("forbidden", "this is for the node to say: leave out presence, acceptance and causes");
    }
  }
}
