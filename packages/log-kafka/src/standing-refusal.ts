/** What a refusal is about. */
export interface Refused {
  readonly groupId: string;
  readonly topic: string;
}

/** What a broker refuses, by its error code, until somebody changes its settings or the rights of this client. */
const REMEDIES: ReadonlyMap<number, (refused: Refused) => string> = new Map<number, (refused: Refused) => string>([
  [26, () => "its session timeout: widen the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"],
  [29, ({ topic }) => `topic ${topic}: allow this client Describe and Read on it`],
  [30, ({ groupId }) => `group ${groupId}: allow this client Read on it`],
  [31, () => "idempotent writing: allow this client IdempotentWrite on the cluster"],
  [50, () => "so long a transaction: raise the broker's transaction.max.timeout.ms"],
  [53, ({ groupId }) => `the transactional ids ${groupId}/…: allow this client Write on those with that prefix`],
]);

/** Why trying again will not do, in words that say what would; undefined where it may. */
export function standingRefusal(error: unknown, refused: Refused): string | undefined {
  for (const code of codesWithin(error)) {
    const remedy = REMEDIES.get(code);
    if (remedy !== undefined) return `Kafka refuses (error ${code}) ${remedy(refused)}`;
  }
  return undefined;
}

/** The brokers' codes in an error, and in those that it was made of. */
function* codesWithin(error: unknown): Generator<number> {
  if (typeof error !== "object" || error === null) return;
  if ("apiCode" in error && typeof error.apiCode === "number") yield error.apiCode;
  if ("errors" in error && Array.isArray(error.errors)) for (const each of error.errors) yield* codesWithin(each);
  if ("cause" in error) yield* codesWithin(error.cause);
}
