// Valid records to begin with: the log of a session with people, agents, nodes and nonsense.
import type { SessionState } from "@perdure/core";
import { encodeRecord, type RecordJson } from "@perdure/protocol";
import { randomStory } from "../../packages/core/src/testing/random/session.ts";
import { isObject, mutateJson } from "./mutate-json.ts";
import type { Random } from "./random.ts";

const CHOICES = 500;

export function storyRecords(random: Random): readonly RecordJson[] {
  const choices = Array.from({ length: CHOICES }, () => random.below(100_000));
  return randomStory(choices).log.map(({ record }) => record);
}

/**
 * A record made wrong in one place: mostly as the next of a producer that the session takes from this participant, so that
 * the ledger lets it through to the rules behind.
 */
export function hostileRecord(
  random: Random,
  record: RecordJson,
  donors: readonly RecordJson[],
  state: SessionState | undefined,
): unknown {
  const next = { ...record, ...(random.once(6) ? {} : nextOf(record, state)) };
  // Many writers, each of them once: the ledger has to forget some.
  if (random.once(8)) Object.assign(next, { producer: `once-${random.uint32()}`, first: 1, last: 1 });
  return random.once(3)
    ? mutateJson(random, next, donors)
    : { ...next, events: mutateJson(random, record.events, donors) };
}

/** The numbers that the session would take next from the record's participant, under a producer of its own. */
export function nextOf({ actor }: RecordJson, state: SessionState | undefined): RecordJson {
  const producer = `of-${actor?.participant ?? ""}`.replaceAll(/[^A-Za-z0-9_-]/g, "").slice(0, 64);
  const number = (state?.ledger.producers.get(producer)?.last ?? 0) + 1;
  return { producer, first: number, last: number, born: state?.seq ?? 0 };
}

/** As whoever hands in a record takes it for one: what it is, the codec says. */
export const isTakenForRecord = (value: unknown): value is RecordJson => isObject(value);

/** The bytes of what may be no record; undefined where it cannot be written. */
export function bytesOfRecord(record: unknown): Uint8Array | undefined {
  try {
    return isTakenForRecord(record) ? encodeRecord(record) : undefined;
  } catch {
    return undefined;
  }
}
