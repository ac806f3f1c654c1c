import type { RecordJson } from "@perdure/protocol";
import type { Accepted } from "./api.ts";
import { audienceAll } from "./state.ts";

/**
 * What the fold accepted of a record, from the record with just these events: not for the one that created its session,
 * whose epoch it does not say.
 */
export const acceptedRecord = (
  { producer = "", first: number = 0, actor = {}, attempt = 0, audience = audienceAll, events = [] }: RecordJson,
  { seq, count, timeMs }: Pick<Accepted, "seq" | "count" | "timeMs">,
): Accepted => ({ seq, count, timeMs, producer, number, actor, attempt, audience, events });
