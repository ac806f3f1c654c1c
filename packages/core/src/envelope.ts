import type { ActorJson, AudienceJson, RecordJson } from "@perdure/protocol";
import type { Limits } from "./limits.ts";
import { isRole } from "./permissions.ts";
import { fromInt64 } from "./sparse.ts";
import { audienceAll } from "./state.ts";

/** A record's fields beside its events, in order. */
export interface Envelope {
  readonly producer: string;
  /** 0: ephemeral. */
  readonly first: number;
  readonly last: number;
  readonly born: number;
  readonly actor: ActorJson;
  readonly participant: string;
  readonly attempt: number;
  readonly audience: AudienceJson;
  readonly causeSeq: number;
  /** The life that the writer means. */
  readonly epoch: number | undefined;
}

const producerPattern = /^[A-Za-z0-9_-]{1,64}$/;
const audiences: ReadonlySet<unknown> = new Set([audienceAll, "AUDIENCE_STAFF", "AUDIENCE_AGENTS"]);

/** Reads a record's envelope; undefined where it is malformed. */
export function readEnvelope(record: RecordJson, limits: Limits): Envelope | undefined {
  const { producer = "", first = 0, last = 0, born = 0, actor = {}, attempt = 0 } = record;
  const { audience = audienceAll, events = [], epoch } = record;
  const { participant = "", role, instance = "" } = actor;
  if (!producerPattern.test(producer) || !isParticipant(participant) || !isRole(role)) return undefined;
  if (last < first || last - first >= limits.producerWindow) return undefined;
  if (events.length === 0 || events.length > limits.eventsPerRecord) return undefined;
  if (instance.length > 64 || (role === "ROLE_AGENT" && instance === "")) return undefined;
  const known = audience === "AUDIENCE_UNSPECIFIED" ? audienceAll : audience;
  if (!audiences.has(known)) return undefined;
  const causeSeq = record.cause?.seq ?? 0;
  const meant = epoch === undefined ? undefined : fromInt64(epoch);
  return { producer, first, last, born, actor, participant, attempt, audience: known, causeSeq, epoch: meant };
}

// A slash separates participant and producer in the ledger's keys.
const isParticipant = (participant: string): boolean =>
  participant !== "" && participant.length <= 128 && !participant.includes("/");
