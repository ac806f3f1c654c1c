import { PerdureError } from "@perdure/core";
import { PARTICIPANT_PATTERN, type RoleJson, TENANT_PATTERN } from "@perdure/protocol";
import { z } from "zod";
import { matchesAny, PATTERN_MAX_LENGTH, PATTERNS_MAX } from "./session-pattern.ts";

/** What a token allows, once it has been verified. */
export interface Grant {
  readonly tenant: string;
  readonly participant: string;
  /** Never ROLE_SYSTEM: no token makes anybody a node. */
  readonly role: RoleJson;
  /** For people; the participant where the token says none. */
  readonly name: string;
  /** When the token ends, Unix milliseconds. */
  readonly expiresMs: number;
  /** It may begin sessions among those that it covers. */
  readonly mayCreate: boolean;
  /** Whether it covers this session id of its tenant. */
  allows(sessionId: string): boolean;
  /** Whether its holder may run under this agent name; only role `agent` may under any. */
  allowsAgent(agent: string): boolean;
}

/** Roles that a token may name. */
export const TOKEN_ROLES = {
  user: "ROLE_USER",
  agent: "ROLE_AGENT",
  operator: "ROLE_OPERATOR",
  observer: "ROLE_OBSERVER",
  service: "ROLE_SERVICE",
} as const satisfies Readonly<Record<string, RoleJson>>;

export type TokenRole = keyof typeof TOKEN_ROLES;

const patterns = z
  .union([z.string(), z.array(z.string())])
  .transform((value) => (typeof value === "string" ? [value] : value))
  .refine(
    (list) => list.length <= PATTERNS_MAX && list.every((pattern) => pattern.length <= PATTERN_MAX_LENGTH),
    `at most ${PATTERNS_MAX} patterns of at most ${PATTERN_MAX_LENGTH} characters`,
  );

/** The claims that perdure reads; others are left alone. */
const claimsSchema = z.object({
  sub: z.string().regex(PARTICIPANT_PATTERN, "must be 1 to 128 characters, without / and control characters"),
  tenant: z.string().regex(TENANT_PATTERN, "must be 1 to 64 of A-Z a-z 0-9 _ . -"),
  role: z.enum(["user", "agent", "operator", "observer", "service"]),
  sessions: patterns.default([]),
  agents: patterns.default(["*"]),
  name: z.string().max(128).optional(),
  create: z.boolean().default(false),
  exp: z.number().positive(),
});

/** Reads verified claims. Throws PerdureError `unauthenticated` that names the claim at fault. */
export function grantFrom(claims: unknown): Grant {
  const parsed = claimsSchema.safeParse(claims);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.map(String).join(".")} ${issue.message}`);
    throw new PerdureError("unauthenticated", `The token's claims do not fit: ${faults.join("; ")}.`);
  }
  return new TokenGrant(parsed.data);
}

const NO_AGENTS: readonly string[] = [];

/** Every connection holds one: methods, where closures would be made anew for each. */
class TokenGrant implements Grant {
  readonly tenant: string;
  readonly participant: string;
  readonly role: RoleJson;
  readonly name: string;
  readonly expiresMs: number;
  readonly mayCreate: boolean;
  readonly #sessions: readonly string[];
  readonly #agents: readonly string[];

  constructor({ sub, tenant, role, sessions, agents, name, create, exp }: z.output<typeof claimsSchema>) {
    this.tenant = tenant;
    this.participant = sub;
    this.role = TOKEN_ROLES[role];
    this.name = name ?? sub;
    this.expiresMs = exp * 1_000;
    this.mayCreate = create && role !== "observer";
    this.#sessions = sessions;
    this.#agents = role === "agent" ? agents : NO_AGENTS;
  }

  allows(sessionId: string): boolean {
    return matchesAny(this.#sessions, sessionId);
  }

  allowsAgent(agent: string): boolean {
    return matchesAny(this.#agents, agent);
  }
}
