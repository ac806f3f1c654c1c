import type { fetchV13 } from "@platformatic/kafka";
import type { FetchPlace, FetchRequest } from "./fetch-request.ts";
import { Code } from "./protocol-errors.ts";

type SessionPart = Pick<FetchRequest, "sessionId" | "sessionEpoch" | "places" | "forgotten">;

const LAST_EPOCH = 2 ** 31 - 1;

/**
 * What a broker remembers between the fetches of one connection (KIP-227), so that a request names only what changed.
 * A session is lost when its broker says so, or with its connection; the next fetch then names everything.
 */
export class FetchSession {
  #id = 0;
  #epoch = 0;
  #remembered = new Map<string, FetchPlace>();
  #asked = new Map<string, FetchPlace>();

  /** What a fetch of just these places must say. */
  request(places: readonly FetchPlace[]): SessionPart {
    this.#asked = new Map(places.map((place) => [placeKey(place), place]));
    const changed = places.filter((place) => this.#remembered.get(placeKey(place))?.offset !== place.offset);
    const forgotten = [...this.#remembered].flatMap(([key, place]) => (this.#asked.has(key) ? [] : [place]));
    return { sessionId: this.#id, sessionEpoch: this.#epoch, places: changed, forgotten };
  }

  /** Takes note of the answer; false where the session was lost, so that the same fetch must be sent again. */
  answered(response: fetchV13.FetchResponse): boolean {
    if (isSessionLost(response.errorCode) || response.sessionId === 0) {
      this.reset();
      return !isSessionLost(response.errorCode);
    }
    this.#id = response.sessionId;
    this.#epoch = this.#epoch === LAST_EPOCH ? 1 : this.#epoch + 1;
    this.#remembered = this.#asked;
    return true;
  }

  reset(): void {
    this.#id = 0;
    this.#epoch = 0;
    this.#remembered = new Map();
  }
}

/** The name of a partition within its cluster. */
export function placeKey(place: { readonly topicId: string; readonly partition: number }): string {
  return `${place.topicId}/${place.partition}`;
}

function isSessionLost(code: number): boolean {
  return code === Code.fetchSessionNotFound || code === Code.fetchSessionEpoch || code === Code.fetchSessionTopicId;
}
