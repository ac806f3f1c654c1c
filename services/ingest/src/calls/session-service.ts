import { randomUUID } from "node:crypto";
import { fromJson, toJson } from "@bufbuild/protobuf";
import type { Server } from "@grpc/grpc-js";
import { levelOf, PerdureError, project, projectPage } from "@perdure/core";
import {
  type CreateSessionRequest,
  type GetHistoryRequest,
  HeadSchema,
  PageSchema,
  type RecordJson,
  RecordSchema,
  SessionCreatedSchema,
  SessionService,
} from "@perdure/protocol";
import type { HeldSession, Replica } from "@perdure/replica";
import type { Grant, Verifier } from "@perdure/service-kit";
import { isPresence } from "../agents/reserved.ts";
import { registerUnary } from "../grpc/methods.ts";
import { refusedBy } from "../refusal.ts";
import { actorOfGrant, coveredKey } from "./grants.ts";

export interface CallDeps {
  readonly replica: Replica;
  readonly verifier: Verifier;
}

/** Sessions for backends: begin one, read its state and its past, write a record. */
export function registerSessionService(server: Server, { replica, verifier }: CallDeps): void {
  const { method } = SessionService;
  registerUnary(server, verifier, method.createSession, (request, grant) => create(replica, grant, request));
  registerUnary(server, verifier, method.getSession, ({ session }, grant) =>
    holding(replica, grant, session, async ({ state }) => {
      if (state.epoch === undefined) throw notFound(session);
      return { head: fromJson(HeadSchema, project(state, levelOf(grant.role))) };
    }),
  );
  registerUnary(server, verifier, method.getHistory, (request, grant) => history(replica, grant, request));
  registerUnary(server, verifier, method.append, ({ session, record }, grant) =>
    holding(replica, grant, session, async (held) => {
      if (record === undefined) throw new PerdureError("invalid_record", "there is no record");
      return publish(held, grant, toJson(RecordSchema, record));
    }),
  );
}

async function create(replica: Replica, grant: Grant, { session, created }: CreateSessionRequest) {
  if (!grant.mayCreate) throw new PerdureError("forbidden", "the token may not begin sessions");
  return holding(replica, grant, session, async (held) => {
    const sessionCreated = created === undefined ? {} : toJson(SessionCreatedSchema, created);
    const { seq } = await publish(held, grant, { events: [{ sessionCreated }] });
    return { epoch: BigInt(held.state.epoch ?? 0), seq };
  });
}

/** Writes under the caller's producer and number, or, where it names none, under new ones. */
async function publish(held: HeldSession, grant: Grant, given: RecordJson) {
  checkAllowed(given, grant);
  const { producer = "" } = given;
  const own = { producer: randomUUID(), first: 1, last: 1, born: held.state.seq };
  const record = { ...given, ...(producer === "" && own), actor: actorOfGrant(grant, given.actor?.instance) };
  const { stored, applied } = held.publish(record);
  await stored;
  const verdict = await applied;
  const refused = refusedBy(verdict);
  if (refused !== undefined) throw refused;
  return { seq: verdict.seq, duplicate: verdict.kind === "duplicate" };
}

function checkAllowed({ actor, cause, events = [] }: RecordJson, { tenant, participant, role }: Grant): void {
  const same =
    actor === undefined ||
    ((actor.tenant ?? tenant) === tenant &&
      (actor.participant ?? participant) === participant &&
      (actor.role ?? role) === role);
  if (!same) throw new PerdureError("forged_actor", "the actor is not this token's: leave it out");
  if (cause !== undefined || events.some(isPresence)) {
    throw new PerdureError("forbidden", "this is for nodes to say: leave out presence and causes");
  }
}

/** The newest page older than `beforePage`, or the newest of all. */
async function history(replica: Replica, grant: Grant, { session, beforePage }: GetHistoryRequest) {
  const key = coveredKey(grant, session);
  const { epoch, nextPage } = await holding(replica, grant, session, async ({ state }) => state);
  if (epoch === undefined) throw notFound(session);
  const number = Math.min(beforePage === 0 ? nextPage : beforePage, nextPage) - 1;
  const page = number < 0 ? undefined : await replica.readPage(key, epoch, number);
  if (page === undefined) return { beforePage: 0 };
  return { page: fromJson(PageSchema, projectPage(page, levelOf(grant.role))), beforePage: number };
}

async function holding<T>(
  replica: Replica,
  grant: Grant,
  session: string,
  work: (held: HeldSession) => Promise<T>,
): Promise<T> {
  const key = coveredKey(grant, session);
  const held = await replica.attach(key, { onAccepted: () => undefined, onLost: () => undefined });
  try {
    return await work(held);
  } finally {
    held.detach();
  }
}

const notFound = (session: string): PerdureError =>
  new PerdureError("session_not_found", `there is no session ${session}: create it first`);
