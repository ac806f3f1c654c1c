import type { ActorJson, AudienceJson } from "@perdure/protocol";
import type { Accepted } from "./api.ts";
import type { Rules } from "./rules.ts";

/** What an event is judged and applied with beside its content. */
export interface Context {
  readonly producer: string;
  /** First number of the record. */
  readonly number: number;
  /** Index of the event in the record. */
  index: number;
  /** Seq of the event. */
  seq: number;
  readonly timeMs: number;
  readonly actor: ActorJson;
  readonly attempt: number;
  readonly audience: AudienceJson;
  /** Of derived events: seq up to which the writer knew the state; 0: none said. */
  readonly causeSeq: number;
  /** Of the record that begins a life: its epoch. */
  readonly epoch: number | undefined;
  /** Some of the record's numbers were seen before: a merged append, whose text is trimmed. */
  readonly overlaps: boolean;
  /** By which rules: those of the session as it stood before the record. */
  readonly rules: Pick<Rules, "appliers">;
}

/** With what an event is judged as well. */
export interface JudgedContext extends Context {
  readonly rules: Rules;
}

/** Id of the item that the event begins. */
export const newItemId = (context: Context): string => `${context.producer}:${context.number}:${context.index}`;

/** The participant that writes; empty where the record has none. */
export const writer = (context: Context): string => context.actor.participant ?? "";

/** How accepted events are applied. */
export const contextOf = (accepted: Accepted, rules: Context["rules"]): Context => ({
  producer: accepted.producer,
  number: accepted.number,
  index: 0,
  seq: accepted.seq,
  timeMs: accepted.timeMs,
  actor: accepted.actor,
  attempt: accepted.attempt,
  audience: accepted.audience,
  causeSeq: 0,
  epoch: accepted.epoch,
  overlaps: false,
  rules,
});
