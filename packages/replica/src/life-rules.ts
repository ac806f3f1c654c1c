import { FIRST_RULES } from "@perdure/core";
import type { EventJson, RecordJson } from "@perdure/protocol";

/** The record with the rules under which a life that it begins is to begin; nobody but the node says that. */
export function withLifeRules(record: RecordJson, rules: () => number): RecordJson {
  const { events = [] } = record;
  if (!events.some(isCreation)) return record;
  const version = rules();
  return { ...record, events: events.map((event) => (isCreation(event) ? begunUnder(event, version) : event)) };
}

const isCreation = ({ sessionCreated }: EventJson): boolean => sessionCreated !== undefined;

function begunUnder({ sessionCreated }: EventJson, version: number): EventJson {
  const { rules: _said, ...created } = sessionCreated ?? {};
  return { sessionCreated: version > FIRST_RULES ? { ...created, rules: version } : created };
}
