import { setTimeout as sleep } from "node:timers/promises";
import { type Log, LogError, type TopicDifference, type TopicSpec } from "@perdure/log";

export interface ProvisionOptions {
  readonly topics: readonly TopicSpec[];
  readonly logger: { warn(details: object, message: string): void };
  /** Ends the waiting. */
  readonly signal?: AbortSignal;
}

const WAIT_MS = 250;
const MAX_WAIT_MS = 5_000;

/**
 * Sees to the topics for as long as it takes: a broker that goes, moves or has no place for every copy just now is no
 * reason to end. Throws what is not `unavailable`, and that too once `signal` has ended the waiting.
 */
export async function provisionWhenPossible(
  log: Pick<Log, "provision">,
  { topics, logger, signal }: ProvisionOptions,
): Promise<readonly TopicDifference[]> {
  for (let waitMs = WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    try {
      return await log.provision(topics);
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== "unavailable") throw error;
      logger.warn({ err: error, waitMs }, "the topics could not be seen to: trying again");
      if (!(await slept(waitMs, signal))) throw error;
    }
  }
}

/** False: it was ended. */
const slept = (waitMs: number, signal: AbortSignal | undefined): Promise<boolean> =>
  sleep(waitMs, true, { ...(signal && { signal }) }).catch(() => false);
