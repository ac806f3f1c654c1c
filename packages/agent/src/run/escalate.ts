import { PerdureError } from "@perdure/core";
import type { EventJson, HeadJson, TakeoverStateJson, UrgencyJson } from "@perdure/protocol";
import { type Duration, durationMs } from "./duration.ts";
import type { RunScope } from "./scope.ts";
import type { Steps } from "./steps.ts";

export interface EscalateOptions {
  /** For everybody. */
  readonly reason: string;
  /** What the human should know; for staff. */
  readonly summary?: string;
  readonly urgency?: "low" | "normal" | "high";
  /** Who should come. */
  readonly team?: string;
  /** Without anybody for so long it expires; default: never. */
  readonly expiresIn?: Duration;
  /** Names the call for help across attempts; default: its place among the run's. */
  readonly key?: string;
}

export interface Escalation {
  /** `expired`: nobody came; `withdrawn`: nobody was to come any more; `abandoned`: whoever came stayed away. */
  readonly outcome: "handed_back" | "abandoned" | "expired" | "withdrawn";
  /** What the human left for the agent. */
  readonly note: string;
  /** Participant that came; empty: nobody. */
  readonly by: string;
}

const URGENCIES = {
  low: "URGENCY_LOW",
  normal: "URGENCY_NORMAL",
  high: "URGENCY_HIGH",
} as const satisfies Readonly<Record<string, UrgencyJson>>;

const isEscalation = (value: unknown): value is Escalation =>
  typeof value === "object" && value !== null && "outcome" in value && "by" in value;

/**
 * Asks for a human once per run, whatever the number of attempts, and waits until one has come and given the floor
 * back. Where somebody is asked for or here already, waits for them. Throws PerdureError with what refused it, or why
 * the run has to stop; also when the human settles the matter, which cancels the run.
 */
export async function escalate(scope: RunScope, steps: Steps, options: EscalateOptions): Promise<Escalation> {
  const key = options.key ?? steps.keyOf("escalate");
  const ended = await steps.run(key, { label: options.reason }, async () => {
    const asked = await steps.run(`${key}/asked`, { label: options.reason }, () => request(scope, options));
    const takeoverId = String(asked);
    return scope.seen(concerns, (head) => outcomeOf(head, takeoverId));
  });
  return isEscalation(ended) ? ended : { outcome: "withdrawn", note: "", by: "" };
}

const open = ({ takeovers = [] }: HeadJson): string | undefined =>
  takeovers.find(({ phase }) => phase === "TAKEOVER_PHASE_REQUESTED" || phase === "TAKEOVER_PHASE_CLAIMED")?.id;

/** The takeover that is under way, or one that is asked for now. */
async function request(scope: RunScope, options: EscalateOptions): Promise<string> {
  const { reason, summary = "", urgency = "normal", team = "", expiresIn } = options;
  const expiresInMs = expiresIn === undefined ? 0 : durationMs(expiresIn);
  const known = open(scope.head());
  if (known !== undefined) return known;
  const body = { reason, summary, urgency: URGENCIES[urgency], team, expiresInMs };
  let id = "";
  try {
    const written = await scope.write((idOf) => {
      id = idOf(0);
      return [{ takeoverRequested: body }];
    }, "AUDIENCE_ALL");
    await written.applied;
    return id;
  } catch (error) {
    const crossed = error instanceof PerdureError && ["already_exists", "already_decided"].includes(error.code);
    const other = open(scope.head());
    if (!crossed || other === undefined) throw error;
    return other;
  }
}

const concerns = (event: EventJson): boolean =>
  event.takeoverReleased !== undefined ||
  event.takeoverExpired !== undefined ||
  event.takeoverWithdrawn !== undefined ||
  event.participantRemoved !== undefined;

function outcomeOf({ takeovers = [] }: HeadJson, takeoverId: string): Escalation | undefined {
  // What the state has let go of was over.
  const takeover: TakeoverStateJson = takeovers.find(({ id }) => id === takeoverId) ?? {};
  const { phase, outcome, note = "", holder: by = "" } = takeover;
  switch (phase) {
    case "TAKEOVER_PHASE_REQUESTED":
    case "TAKEOVER_PHASE_CLAIMED":
      return undefined;
    case "TAKEOVER_PHASE_RELEASED":
      return { outcome: outcome === "TAKEOVER_OUTCOME_ABANDONED" ? "abandoned" : "handed_back", note, by };
    case "TAKEOVER_PHASE_EXPIRED":
      return { outcome: "expired", note, by };
    default:
      return { outcome: "withdrawn", note, by };
  }
}
