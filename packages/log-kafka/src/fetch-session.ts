import type { fetchV13 } from "@platformatic/kafka";
import type { FetchPlace, FetchRequest } from "./fetch-request.ts";
import { Code } from "./protocol-errors.ts";

type SessionPart = Pick<FetchRequest, "sessionId" | "sessionEpoch" | "places" | "forgotten">;

/** A place that is fetched from over and over. */
export interface FollowedPlace extends FetchPlace {
  /** Whether the broker is to say where it stands, also where nothing has come. */
  readonly mustAnswer: boolean;
}

const LAST_EPOCH = 2 ** 31 - 1;

/**
 * What a broker remembers between the fetches of one connection (KIP-227), so that a request names only what changed.
 * A session is lost when its broker says so, or with its connection; the next fetch then names everything.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  readonly #remembered = new Map<string, FetchPlace>();
  /** What the broker will remember besides, and no longer, once it has answered. */
  #changed = new Map<string, FetchPlace>();
  #forgotten = new Map<string, FetchPlace>();

  /** What a fetch of just these places must say. Their names are those of `placeKey`. */
  request(places: ReadonlyMap<string, FollowedPlace>): SessionPart {
    // About what it remembers a broker is silent until something comes, whoever asks: only a new session makes it speak.
    if ([...places].some(([key, { mustAnswer }]) => mustAnswer && this.#remembered.has(key))) this.#startAnew();
    this.#changed = new Map();
    let knownCount = 0;
    for (const [key, { topicId, partition, offset }] of places) {
      const known = this.#remembered.get(key);
      if (known !== undefined) knownCount += 1;
      if (known?.offset !== offset) this.#changed.set(key, { topicId, partition, offset });
    }
    const isNoneLess = knownCount === this.#remembered.size;
    this.#forgotten = new Map(isNoneLess ? [] : [...this.#remembered].filter(([key]) => !places.has(key)));
    return {
      sessionId: this.#id,
      sessionEpoch: this.#epoch,
      places: [...this.#changed.values()],
      forgotten: [...this.#forgotten.values()],
    };
  }

  /**
   * Takes note of the answer; false where the session was lost, so that the same fetch must be sent again. Throws where
   * the broker refuses the fetch as a whole.
   */
  answered(response: fetchV13.FetchResponse): boolean {
    const { errorCode } = response;
    if (errorCode !== Code.none || response.sessionId === 0) {
      this.reset();
      if (isSessionLost(errorCode)) return false;
      if (errorCode !== Code.none) throw new Error(`Kafka answered a fetch with error ${errorCode}`);
      return true;
    }
    this.#id = response.sessionId;
    this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
    for (const [key, place] of this.#changed) this.#remembered.set(key, place);
    for (const key of this.#forgotten.keys()) this.#remembered.delete(key);
    return true;
  }

  reset(): void {
    this.#id = 0;
    this.#startAnew();
  }

  /** The next fetch makes a new session, and ends the one before it. */
  #startAnew(): void {
    this.#epoch = 0;
    this.#remembered.clear();
  }
}

/** The name of a partition within its cluster. */
export function placeKey(place: { readonly topicId: string; readonly partition: number }): string {
  return `${place.topicId}/${place.partition}`;
}

function isSessionLost(code: number): boolean {
  return code === Code.fetchSessionNotFound || code === Code.fetchSessionEpoch || code === Code.fetchSessionTopicId;
}
