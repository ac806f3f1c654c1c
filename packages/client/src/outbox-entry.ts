import { REFUSED_BY_ALL } from "@perdure/core";
import type { AudienceJson, EventJson } from "@perdure/protocol";
import { fieldsOf } from "./fields.ts";

/** A record that waits for the session's verdict. Plain JSON, since it outlives the page. */
export interface OutboxEntry {
  readonly number: number;
  /** Seq of the session that the producer had seen when it began. */
  readonly born: number;
  readonly epoch?: string;
  readonly audience?: AudienceJson;
  readonly events: readonly EventJson[];
  /** What it refers to is something else now, or is there only now, than when it may have been sent. Not part of what is sent. */
  readonly isMoved?: boolean;
  /** How often it was sent anew, under a name of its own; absent: never. Not part of what is sent. */
  readonly anew?: number;
}

/** A record as its writer counts it. */
export type Numbered = Pick<OutboxEntry, "number" | "anew">;

/** By what the session knows a record: sent under the same name again, it is the same record. */
export interface RecordName {
  readonly producer: string;
  readonly number: number;
}

/**
 * Where a record goes that `producer` wrote. One that goes anew has a producer of its own, whose numbers are the tries. So
 * every copy of it, whichever page has it and however old it is, goes by the same names in the same order, and by the next
 * one only after the session has refused it under those before: the session takes one of them at most.
 */
export const nameOf = (producer: string, { number, anew }: Numbered): RecordName =>
  anew === undefined ? { producer, number } : { producer: `${producer}_${number}`, number: anew };

const ANEW_PATTERN = /^(.+)_(\d+)$/;

/** The record that goes by that name, as its writer counts it; the reverse of `nameOf`. Undefined: no record goes anew so. */
export function anewOf({ producer, number: anew }: RecordName): (RecordName & { readonly anew: number }) | undefined {
  const [, writer, number] = ANEW_PATTERN.exec(producer) ?? [];
  return writer === undefined ? undefined : { producer: writer, number: Number(number), anew };
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;

/** Whether something that was stored can be sent: an edge ends the connection for what is no record at all. */
export function isEntry(value: unknown): value is OutboxEntry {
  const { number, born, epoch = "", audience = "", events, anew = 1 } = fieldsOf(value);
  const isNamed = typeof epoch === "string" && typeof audience === "string";
  return isCount(number) && isCount(born) && isCount(anew) && isNamed && Array.isArray(events) && events.length > 0;
}

/** Takes the number of a record that nobody takes, and whoever wrote that has been told. */
export const standInFor = (entry: OutboxEntry): OutboxEntry => ({ ...entry, events: REFUSED_BY_ALL, isMoved: false });

export const isStandIn = ({ events: [event, ...more] }: OutboxEntry): boolean =>
  event?.messageClosed !== undefined && event.messageClosed.messageId === undefined && more.length === 0;

/** What the ids of a record's items begin with. */
export function idsOf(producer: string, record: Numbered): string {
  const name = nameOf(producer, record);
  return `${name.producer}:${name.number}:`;
}

/** The record under its next name, by which the items that it makes are called: one that was not sent yet. */
export function sentAnew(producer: string, entry: OutboxEntry): OutboxEntry {
  const next = { ...entry, anew: (entry.anew ?? 0) + 1 };
  return { ...renamed(next, idsOf(producer, entry), idsOf(producer, next)), isMoved: false };
}

/** The record with other names for the items of a record, whose ids began with `ids`; the same record where it has none. */
export function renamed(entry: OutboxEntry, ids: string, newIds: string): OutboxEntry {
  if (!refersTo(entry, ids)) return entry;
  const events: unknown = JSON.parse(textOf(entry).replaceAll(`"${ids}`, `"${newIds}`));
  const changed: unknown = { ...entry, events, isMoved: true };
  return isEntry(changed) ? changed : entry;
}

/** Whether there are ids in the record that begin so. */
export const refersTo = (entry: OutboxEntry, ids: string): boolean => textOf(entry).includes(`"${ids}`);

/** Of records that wait, which may be a thousand, each of which is looked at for each that is refused. */
const texts = new WeakMap<OutboxEntry["events"], string>();

function textOf({ events }: OutboxEntry): string {
  const text = texts.get(events) ?? JSON.stringify(events);
  texts.set(events, text);
  return text;
}

/** The record with `instead` of the messages that its messages follow, where their ids begin with `ids`; else the same. */
export function reparented(entry: OutboxEntry, ids: string, instead: string): OutboxEntry {
  const events = entry.events.map((event) => {
    const { messageOpened } = event;
    if (messageOpened?.parentId?.startsWith(ids) !== true) return event;
    return { messageOpened: { ...messageOpened, parentId: instead } };
  });
  return events.every((event, index) => event === entry.events[index]) ? entry : { ...entry, events, isMoved: true };
}

/** What the record's message follows. */
export const parentOf = ({ events }: OutboxEntry): string =>
  events.find(({ messageOpened }) => messageOpened !== undefined)?.messageOpened?.parentId ?? "";
