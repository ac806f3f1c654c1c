import { describe, expect, test } from "vitest";
import { codeOf, said, Story } from "./testing/story.ts";
import { canonical, fold, fromHead, toHead } from "./index.ts";

function begun(limits = {}) {
  const story = new Story(limits);
  const ann = story.pen("ann", "ROLE_USER");
  story.write(ann, { sessionCreated: {} });
  return { story, ann };
}

const asks = { runRequested: { agent: "planner" } };
/** Refused: the run is not there. */
const pausesNothing = { controlPause: { runId: "none:1:0" } };

describe("numbers of a producer", () => {
  test("SPEC 4.2: a number that was judged is a duplicate, told the original verdict and the present seq", () => {
    const { story, ann } = begun();
    story.write(ann, pausesNothing);
    story.write(ann, asks);
    expect(story.send(ann, asks, { first: 1, last: 1 }).verdict).toEqual({ kind: "duplicate", seq: 2 });
    expect(story.send(ann, asks, { first: 2, last: 2 }).verdict).toEqual({
      kind: "duplicate",
      seq: 2,
      code: "not_found",
    });
    expect(story.send(ann, pausesNothing).verdict).toEqual({ kind: "duplicate", seq: 2 });
    expect(story.state.runs.size).toBe(1);
  });

  test("SPEC 4.2: an original verdict outlives the process that gave it", () => {
    const { story, ann } = begun();
    story.write(ann, pausesNothing);
    const elsewhere = fromHead(toHead(story.state));
    const again = story.log.at(-1);
    if (again === undefined) throw new Error("no entry");
    expect(fold(elsewhere, again.record, again).verdict).toMatchObject({ kind: "duplicate", code: "not_found" });
  });

  test("SPEC 4.3: a refused number is used up", () => {
    const { story, ann } = begun();
    expect(codeOf(story.write(ann, pausesNothing))).toBe("not_found");
    expect(codeOf(story.write(ann, asks))).toBe("accepted");
  });

  test("SPEC 4.3, 5.1: a number beyond the next is not judged, told which one is expected, and free to come again", () => {
    const { story, ann } = begun();
    const early = story.send(ann, asks, { first: 4, last: 4 });
    expect(early.verdict).toEqual({ kind: "rejected", code: "producer_gap", seq: 1, expected: 2 });
    story.write(ann, asks);
    story.write(ann, asks);
    expect(codeOf(story.write(ann, asks))).toBe("accepted");
  });

  test("SPEC 5.1: an unknown producer begins with 1", () => {
    const { story } = begun();
    const bea = story.pen("bea", "ROLE_USER");
    expect(story.send(bea, asks, { first: 2, last: 2 }).verdict).toMatchObject({ code: "producer_gap", expected: 1 });
  });

  test("SPEC 4.4: verdicts are remembered for a window of numbers, refusals too", () => {
    const { story, ann } = begun({ producerWindow: 4 });
    story.write(ann, pausesNothing);
    for (let count = 0; count < 4; count += 1) story.write(ann, asks);
    expect(codeOf(story.send(ann, asks, { first: 2, last: 2 }))).toBe("producer_expired");
    expect(codeOf(story.send(ann, asks, { first: 3, last: 3 }))).toBe("duplicate");
    expect(toHead(story.state).ledger?.producers?.[0]?.refused).toBeUndefined();
  });

  test("SPEC 4.4: numbers refused in a row for one reason are one entry, cut where they leave the window", () => {
    const { story, ann } = begun({ producerWindow: 4 });
    for (let count = 0; count < 6; count += 1) story.write(ann, pausesNothing);
    const [producer] = toHead(story.state).ledger?.producers ?? [];
    expect(producer?.refused).toEqual([{ number: 4, last: 7, code: "not_found" }]);
    expect(codeOf(story.send(ann, asks, { first: 4, last: 4 }))).toBe("not_found");
  });
});

describe("the ledger", () => {
  test("SPEC 4.5: forgets the writer silent for longest, and never believes it again", () => {
    const { story, ann } = begun({ producers: 2 });
    const others = ["bea", "cid"].map((name) => story.pen(name, "ROLE_USER"));
    story.write(ann, asks);
    for (const pen of others) story.write(pen, asks);
    expect(story.state.ledger.floor).toBe(2);
    expect(codeOf(story.send(ann, asks))).toBe("producer_expired");
    expect(codeOf(story.send(ann, asks, { first: 1, last: 1 }))).toBe("producer_expired");
    const anew = story.pen("ann", "ROLE_USER", { producer: "ann-2" });
    expect(codeOf(story.write(anew, asks))).toBe("accepted");
  });

  test("SPEC 4.5: a writer that goes on writing is not forgotten", () => {
    const { story, ann } = begun({ producers: 2 });
    for (const name of ["bea", "cid", "dan"]) {
      story.write(ann, asks);
      story.write(story.pen(name, "ROLE_USER"), asks);
    }
    expect(codeOf(story.send(ann, asks))).toBe("duplicate");
  });

  test("SPEC 4.5: writers with nothing but refusals cannot fill it", () => {
    const { story } = begun({ refusals: 3 });
    for (const name of ["bea", "cid", "dan", "eve"]) {
      const pen = story.pen(name, "ROLE_USER");
      for (const event of [pausesNothing, { runRequested: {} }]) story.write(pen, event);
    }
    expect(story.state.ledger.refusals).toBeLessThanOrEqual(3);
    expect([...story.state.ledger.producers.keys()]).toEqual(["eve"]);
  });

  test("SPEC 4.6: a producer id is its first participant's", () => {
    const { story } = begun();
    const thief = story.pen("eve", "ROLE_USER", { producer: "ann" });
    expect(codeOf(story.send(thief, asks, { first: 2, last: 2 }))).toBe("producer_conflict");
    expect(codeOf(story.send(thief, asks, { first: 1, last: 1 }))).toBe("producer_conflict");
  });

  test("SPEC 4.11: an unknown writer that has seen more than there is means another life", () => {
    const { story } = begun();
    const bea = { ...story.pen("bea", "ROLE_USER"), born: 100 };
    expect(codeOf(story.write(bea, asks))).toBe("session_replaced");
    expect(story.state.ledger.producers.has("bea")).toBe(false);
  });

  test("SPEC 4.2: refusals from before the session's life are remembered too", () => {
    const story = new Story();
    const ann = story.pen("ann", "ROLE_USER");
    expect(codeOf(story.write(ann, said(ann, "hello")))).toBe("session_not_found");
    expect(codeOf(story.write(ann, { sessionCreated: {} }))).toBe("accepted");
    expect(codeOf(story.send(ann, asks, { first: 1, last: 1 }))).toBe("session_not_found");
    expect(canonical(toHead(story.state))).toContain("session_not_found");
  });
});
