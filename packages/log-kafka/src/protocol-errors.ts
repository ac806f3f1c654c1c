import { LogError } from "@perdure/log";
import { AuthenticationError, ResponseError } from "@platformatic/kafka";

/** Kafka's error codes that perdure tells apart. */
export const Code = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopic: 3,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorUnavailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  illegalGeneration: 22,
  unknownMember: 25,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  topicExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidProducerId: 49,
  concurrentTransactions: 51,
  unknownProducer: 59,
  fetchSessionNotFound: 70,
  fetchSessionEpoch: 71,
  fencedInstance: 82,
  producerFenced: 90,
  unknownTopicId: 100,
  fetchSessionTopicId: 106,
} as const;

/** The leader has moved, or is not there: ask for the metadata again, and try again. */
const moved = new Set([3, 5, 6, 8, 9, 56, 72, 74, 75, 76, 78, 100, 103]);
/** It may be as well in a moment. */
const passing = new Set([2, 7, 13, 19, 20, 89]);
/** What was remembered of a producer is gone: it goes on under a new identity. */
const producerForgotten = new Set<number>([
  Code.outOfOrderSequence,
  Code.duplicateSequence,
  Code.invalidProducerEpoch,
  Code.invalidProducerId,
  Code.unknownProducer,
  Code.producerFenced,
]);

export type Verdict = "done" | "retry" | "retry_elsewhere" | "renew_producer" | "too_large" | "refused";

/** What a writer does about the code of one partition of a produce response. */
export function produceVerdict(code: number): Verdict {
  if (code === Code.none) return "done";
  if (moved.has(code)) return "retry_elsewhere";
  if (passing.has(code)) return "retry";
  if (producerForgotten.has(code)) return "renew_producer";
  if (code === Code.messageTooLarge || code === Code.recordListTooLarge) return "too_large";
  return "refused";
}

/** The error codes of a failed call; none where it never got an answer. */
export function codesOf(error: unknown): number[] {
  if (!(error instanceof ResponseError)) return [];
  return error.errors.flatMap((each: unknown) => {
    const isCoded = typeof each === "object" && each !== null && "apiCode" in each;
    return isCoded && typeof each.apiCode === "number" ? [each.apiCode] : [];
  });
}

/**
 * The response of a call, also where it carries errors for some of its parts. Rejects where there was no answer.
 * `T` is what the call resolves to; an erroneous response has the same shape.
 */
export async function answered<T>(call: Promise<T>, isResponse: (response: unknown) => response is T): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const response: unknown = error instanceof ResponseError ? error.response : undefined;
    if (isResponse(response)) return response;
    throw error;
  }
}

/** Whether a response of shape `T` has arrays under the given names: enough to tell it from no response. */
export function hasArray<T>(name: keyof T & string): (response: unknown) => response is T {
  return (response): response is T =>
    typeof response === "object" && response !== null && Array.isArray(Reflect.get(response, name));
}

/** A failure to reach the brokers, for a caller who may try again. */
export function unavailable(message: string, retryAfterMs: number, cause: unknown): LogError {
  return new LogError("unavailable", message, { retryAfterMs, cause });
}

/** What lies at the bottom of a failure, in the words of whoever noticed it first: "connect ECONNREFUSED …". */
export function rootReason(error: unknown): string {
  const reasons = new Set<string>();
  collectReasons(error, reasons);
  return [...reasons].join("; ");
}

function collectReasons(error: unknown, reasons: Set<string>): void {
  if (error instanceof AggregateError && error.errors.length > 0) {
    for (const each of error.errors) collectReasons(each, reasons);
  } else if (error instanceof Error && error.cause !== undefined) {
    // A broker's own verdict is the cause of the client's, which says what it was about.
    if (error instanceof AuthenticationError) reasons.add(error.message);
    collectReasons(error.cause, reasons);
  } else {
    reasons.add(error instanceof Error ? error.message : String(error));
  }
}
