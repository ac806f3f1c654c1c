import type { fetchV13 } from "@platformatic/kafka";
import { describe, expect, test } from "vitest";
import type { FetchPlace } from "./fetch-request.ts";
import { FetchSession, placeKey } from "./fetch-session.ts";
import type { FollowedPlace } from "./fetch-session.ts";

function answer(sessionId: number, errorCode = 0): fetchV13.FetchResponse {
  return { throttleTimeMs: 0, errorCode, sessionId, responses: [] };
}

const all = (...places: FetchPlace[]): Map<string, FollowedPlace> =>
  new Map(places.map((place) => [placeKey(place), { ...place, mustAnswer: false }]));

const mustAnswer = (place: FetchPlace): Map<string, FollowedPlace> =>
  new Map([[placeKey(place), { ...place, mustAnswer: true }]]);

const at = (partition: number, offset: number): FetchPlace => ({ topicId: "t", partition, offset });

describe("FetchSession", () => {
  test("names everything once, then only what changed and what is no longer wanted", () => {
    const session = new FetchSession();
    expect(session.request(all(at(0, 5), at(1, 6)))).toMatchObject({
      sessionId: 0,
      sessionEpoch: 0,
      places: [at(0, 5), at(1, 6)],
    });
    expect(session.answered(answer(77))).toBe(true);
    expect(session.request(all(at(0, 5), at(1, 9), at(2, 0)))).toMatchObject({
      sessionId: 77,
      sessionEpoch: 1,
      places: [at(1, 9), at(2, 0)],
      forgotten: [],
    });
    session.answered(answer(77));
    expect(session.request(all(at(2, 0)))).toMatchObject({
      sessionEpoch: 2,
      places: [],
      forgotten: [at(0, 5), at(1, 9)],
    });
  });

  test.each([70, 71, 106])("starts anew when the broker has lost it (%i)", (code) => {
    const session = new FetchSession();
    session.request(all(at(0, 5)));
    session.answered(answer(77));
    session.request(all(at(0, 6)));
    expect(session.answered(answer(0, code))).toBe(false);
    expect(session.request(all(at(0, 6)))).toMatchObject({ sessionId: 0, sessionEpoch: 0, places: [at(0, 6)] });
  });

  test("names everything each time where the broker keeps no session for it", () => {
    const session = new FetchSession();
    session.request(all(at(0, 5)));
    expect(session.answered(answer(0))).toBe(true);
    expect(session.request(all(at(0, 5)))).toMatchObject({ sessionId: 0, sessionEpoch: 0, places: [at(0, 5)] });
  });

  test("an answer that never came changes nothing", () => {
    const session = new FetchSession();
    session.request(all(at(0, 5)));
    session.answered(answer(77));
    session.request(all(at(0, 8)));
    expect(session.request(all(at(0, 8)))).toMatchObject({ sessionId: 77, sessionEpoch: 1, places: [at(0, 8)] });
  });

  test("starts anew, in place of the old one, where the broker is to speak of what it remembers", () => {
    const session = new FetchSession();
    session.request(all(at(0, 5), at(1, 6)));
    session.answered(answer(77));
    expect(session.request(new Map([...all(at(0, 5)), ...mustAnswer(at(1, 6))]))).toMatchObject({
      sessionId: 77,
      sessionEpoch: 0,
      places: [at(0, 5), at(1, 6)],
      forgotten: [],
    });
    session.answered(answer(78));
    expect(session.request(new Map([...all(at(0, 5), at(1, 6)), ...mustAnswer(at(2, 0))]))).toMatchObject({
      sessionId: 78,
      sessionEpoch: 1,
      places: [at(2, 0)],
    });
  });
});
