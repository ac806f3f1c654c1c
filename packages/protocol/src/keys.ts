/**
 * Names, and the keys of the log's entries made from them. No dependency, so that browsers check names by the same rules.
 */
import { ProtocolError } from "./errors.ts";

/** A tenant: the owner of sessions. */
export const TENANT_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;
/** A session id that people and backends may choose. */
export const SESSION_ID_PATTERN = /^[A-Za-z0-9_.-]{1,128}$/;
/** A session id of the system's own (pools, lists): `~` first. */
export const SYSTEM_SESSION_ID_PATTERN = /^~[A-Za-z0-9_.-]{1,127}$/;
/** A producer id, as in Record.producer. */
export const PRODUCER_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
/** The name of an agent, which names its pool too. */
export const AGENT_NAME_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;
/** Participant ids: 1 to 128 characters, none of them a control character or `/`, which separates them in the ledger's keys. */
export const PARTICIPANT_PATTERN = /^[^\p{Cc}/]{1,128}$/u;

/** A session's full name in its two halves. */
export interface SessionName {
  readonly tenant: string;
  readonly id: string;
}

export const isSystemSessionId = (id: string): boolean => SYSTEM_SESSION_ID_PATTERN.test(id);

/** The name and log key of a session, `tenant/id`. Throws ProtocolError `invalid_name`. */
export function sessionKey(tenant: string, id: string): string {
  if (!TENANT_PATTERN.test(tenant)) throw invalidName("tenant", tenant, "1 to 64 of A-Z a-z 0-9 _ . -");
  if (!SESSION_ID_PATTERN.test(id) && !isSystemSessionId(id)) {
    throw invalidName("session id", id, "1 to 128 of A-Z a-z 0-9 _ . -");
  }
  return `${tenant}/${id}`;
}

/** The halves of `tenant/id`; undefined where it is no session key. */
export function parseSessionKey(key: string): SessionName | undefined {
  const slash = key.indexOf("/");
  const tenant = key.slice(0, Math.max(slash, 0));
  const id = key.slice(slash + 1);
  if (!TENANT_PATTERN.test(tenant)) return undefined;
  return SESSION_ID_PATTERN.test(id) || isSystemSessionId(id) ? { tenant, id } : undefined;
}

/** The session id of the pool of an agent. Throws ProtocolError `invalid_name`. */
export function poolSessionId(agent: string): string {
  if (!AGENT_NAME_PATTERN.test(agent)) throw invalidName("agent name", agent, "1 to 64 of A-Z a-z 0-9 _ . -");
  return `~pool.${agent}`;
}

/** Key of the watermark in each partition of `index`; no session has it, for want of a `/`. */
export const WATERMARK_KEY = "__watermark";

/** Which page of which life of which session. */
export interface PageName {
  readonly sessionKey: string;
  readonly epoch: number;
  readonly number: number;
}

/** Key of a page: `tenant/id` 0x00 epoch 0x00 number, both decimal. */
export const pageKey = (page: PageName): string => `${page.sessionKey}\0${page.epoch}\0${page.number}`;

/** What a page's key says; undefined where it is no page key. */
export function parsePageKey(key: string): PageName | undefined {
  const match = /^([^\0]+)\0(\d{1,16})\0(\d{1,10})$/.exec(key);
  const [, session, epoch, number] = match ?? [];
  if (session === undefined || parseSessionKey(session) === undefined) return undefined;
  return { sessionKey: session, epoch: Number(epoch), number: Number(number) };
}

function invalidName(what: string, name: string, rule: string): ProtocolError {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  return new ProtocolError("invalid_name", `${what} ${shown} is not allowed: use ${rule}`);
}
