import { randomUUID } from "node:crypto";
import type { Appended } from "@perdure/log";
import type { Replica } from "./api.ts";

/** One life of the node that speaks. */
interface Life {
  readonly node: string;
  readonly incarnation: number;
}

/** A session, and its seq as far as the node could judge it. */
interface Left {
  readonly sessionKey: string;
  readonly seq: number;
}

/**
 * Says in a session whose rules this node does not know that it holds nobody there any more: its members leave, its agents
 * are lost and may resume elsewhere, and no join of theirs that is still on its way counts. Who knows the rules judges it.
 * Throws LogError.
 */
export function leaveUnjudged(replica: Pick<Replica, "append">, life: Life, left: Left): Promise<Appended> {
  const { sessionKey, seq } = left;
  return replica.append(sessionKey, {
    producer: randomUUID(),
    first: 1,
    last: 1,
    born: seq,
    actor: { tenant: sessionKey.slice(0, sessionKey.indexOf("/")), participant: life.node, role: "ROLE_SYSTEM" },
    audience: "AUDIENCE_ALL",
    cause: { seq },
    events: [{ nodeExpired: { node: life.node, incarnation: life.incarnation } }],
  });
}
