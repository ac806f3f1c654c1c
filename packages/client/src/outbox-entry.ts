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
  /** What it follows is another message now than when it may have been sent. Not part of what is sent. */
  readonly isMoved?: boolean;
}

const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;

/** Whether something that was stored can be sent: an edge ends the connection for what is no record at all. */
export function isEntry(value: unknown): value is OutboxEntry {
  const { number, born, epoch = "", audience = "", events } = fieldsOf(value);
  const isNamed = typeof epoch === "string" && typeof audience === "string";
  return isCount(number) && isCount(born) && isNamed && Array.isArray(events) && events.length > 0;
}

/** Takes the number of a record that nobody takes, and whoever wrote that has been told. */
export const standInFor = (entry: OutboxEntry): OutboxEntry => ({ ...entry, events: REFUSED_BY_ALL, isMoved: false });

export const isStandIn = ({ events: [event, ...more] }: OutboxEntry): boolean =>
  event?.messageClosed !== undefined && event.messageClosed.messageId === undefined && more.length === 0;

/** The record under another number, by which the items that it makes are called: one that was not sent yet. */
export function renumbered(entry: OutboxEntry, producer: string, number: number): OutboxEntry {
  const unsent: OutboxEntry = { ...entry, number, isMoved: false };
  const source = JSON.stringify(unsent);
  const renamed: unknown = JSON.parse(source.replaceAll(`"${producer}:${entry.number}:`, `"${producer}:${number}:`));
  return isEntry(renamed) ? renamed : unsent;
}

/** The record with `instead` of each message that its messages follow; the same record where nothing is different. */
export function reparented(entry: OutboxEntry, instead: (parentId: string) => string): OutboxEntry {
  const events = entry.events.map((event) => {
    const { messageOpened } = event;
    const before = messageOpened?.parentId ?? "";
    const parentId = instead(before);
    if (messageOpened === undefined || parentId === before) return event;
    return { messageOpened: { ...messageOpened, parentId } };
  });
  return events.every((event, index) => event === entry.events[index]) ? entry : { ...entry, events, isMoved: true };
}

/** What the record's message follows. */
export const parentOf = ({ events }: OutboxEntry): string =>
  events.find(({ messageOpened }) => messageOpened !== undefined)?.messageOpened?.parentId ?? "";
