import type { AudienceJson, RoleJson } from "@perdure/protocol";
import type { Level } from "./api.ts";

/** 1: everyone, 2: staff, 3: agents. */
function rankOf(audience: AudienceJson | undefined): number {
  if (audience === "AUDIENCE_AGENTS") return 3;
  return audience === "AUDIENCE_STAFF" ? 2 : 1;
}

const rankOfLevel: Readonly<Record<Level, number>> = { all: 1, staff: 2, agents: 3 };

/** What a role may see. Roles that are not known see what everyone sees. */
export function levelOf(role: RoleJson | undefined): Level {
  if (role === "ROLE_AGENT" || role === "ROLE_SYSTEM") return "agents";
  return role === "ROLE_OPERATOR" || role === "ROLE_SERVICE" ? "staff" : "all";
}

/** Whether a reader of this level sees what has this audience. */
export const covers = (level: Level, audience: AudienceJson | undefined): boolean =>
  rankOfLevel[level] >= rankOf(audience);

/** Whether whoever is in `inner` is in `outer` too. */
export const isWithin = (inner: AudienceJson, outer: AudienceJson): boolean => rankOf(inner) >= rankOf(outer);
