import { fetchV13 } from "@platformatic/kafka";
import type { Connection } from "@platformatic/kafka";
import { answered, hasArray } from "./protocol-errors.ts";

/** Which entries a reader sees: all that are replicated, or only what committed transactions and plain appends wrote. */
export type Isolation = "uncommitted" | "committed";
const ISOLATION_LEVELS: Record<Isolation, number> = { uncommitted: 0, committed: 1 };

/** Bytes of one partition in one response; a larger batch comes whole where it is the first. */
export const PARTITION_FETCH_BYTES = 1024 * 1024;
const RESPONSE_BYTES = 16 * 1024 * 1024;

/** Of a fetch that leaves no trace at the broker: no session is used, and none made. */
export const SESSIONLESS = { sessionId: 0, sessionEpoch: -1 };

/** A partition to fetch from, and the offset. */
export interface FetchPlace {
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
}

export interface FetchRequest {
  readonly isolation: Isolation;
  readonly sessionId: number;
  readonly sessionEpoch: number;
  readonly places: readonly FetchPlace[];
  readonly forgotten: readonly Omit<FetchPlace, "offset">[];
  /** How long the broker may wait for a first byte, in milliseconds. */
  readonly maxWaitMs: number;
  readonly partitionBytes: number;
}

const isResponse = hasArray<fetchV13.FetchResponse>("responses");

/** Fetches; the codes of single partitions stand in the response. Rejects where there was no answer. */
export async function fetchOver(connection: Connection, request: FetchRequest): Promise<fetchV13.FetchResponse> {
  const call = fetchV13.api.async(
    connection,
    request.maxWaitMs,
    request.maxWaitMs === 0 ? 0 : 1,
    Math.max(RESPONSE_BYTES, request.partitionBytes),
    ISOLATION_LEVELS[request.isolation],
    request.sessionId,
    request.sessionEpoch,
    byTopic(request.places).map(([topicId, places]) => ({
      topicId,
      partitions: places.map((place) => requestPartition(place, request.partitionBytes)),
    })),
    byTopic(request.forgotten).map(([topicId, places]) => ({
      topicId,
      partitions: places.map(({ partition }) => partition),
    })),
    "",
  );
  return answered(call, isResponse);
}

function requestPartition(place: FetchPlace, partitionMaxBytes: number): fetchV13.FetchRequestPartition {
  return {
    partition: place.partition,
    currentLeaderEpoch: -1,
    fetchOffset: BigInt(place.offset),
    lastFetchedEpoch: -1,
    partitionMaxBytes,
  };
}

function byTopic<Place extends { readonly topicId: string }>(places: readonly Place[]): [string, Place[]][] {
  return [...Map.groupBy(places, ({ topicId }) => topicId)];
}
