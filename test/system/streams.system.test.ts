import { canonical, fromHead, toHead } from "@perdure/core";
import { afterEach, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { Counter, countedAnswer } from "../support/counter.ts";
import { answerIn, KafkaTopics } from "../support/kafka-topics.ts";
import { Person } from "../support/person.ts";
import { type LogKind, type ServerName, Servers, TENANT } from "../support/servers.ts";

const WORDS_PER_SECOND = 250;
const SESSION = "trip";
/** How long a killed agent is waited for before its work is offered again. */
const AGENT_GRACE_MS = 1_000;
const logs: readonly LogKind[] = ["embedded", "kafka"];
/** What can be killed on its own; on the embedded log one process is all three. */
const mortals: Readonly<Record<LogKind, readonly ServerName[]>> = {
  embedded: ["edge"],
  kafka: ["ingest", "edge", "keeper"],
};

describe.each(logs)("a stream of tokens on the %s log", (log) => {
  let perdure: Servers;
  let counter: Counter;
  const people: Person[] = [];
  const person = (agentGraceMs?: number): Person => {
    const someone = new Person(perdure, SESSION, agentGraceMs);
    people.push(someone);
    return someone;
  };

  beforeEach(async () => {
    perdure = await Servers.start({ log });
    counter = await Counter.start(perdure, WORDS_PER_SECOND);
  });

  afterEach(async () => {
    for (const someone of people.splice(0)) someone.close();
    await counter.stop();
    await perdure.stop();
  });

  const reportFailure = (): void => onTestFailed(() => console.error(`${perdure.report}\n${counter.report}`));

  test("arrives whole on every device while each server is killed in turn (SPEC 1, 2, 4, 10)", async () => {
    reportFailure();
    const expected = countedAnswer(800, 800);
    const ann = person();
    const { runId = "" } = await ann.session.send("800 800", { agent: "counter" });
    for (const [index, name] of mortals[log].entries()) {
      await ann.seesLength(runId, (expected.length * (index + 1)) / (mortals[log].length + 2));
      await perdure.killAndRestart(name);
      person();
    }
    person();
    for (const device of people) {
      await device.seesEnd(runId);
      expect(device.answer(runId)).toBe(expected);
      expect(device.session.view.runs.map(({ attempts }) => attempts)).toEqual([1]);
    }
    expect(counter.notes(runId).map(({ what }) => what)).toEqual(["plan", "first", "second"]);
    if (log === "kafka") await expectInTheLog(perdure, runId, expected);
  });

  test("goes on after its agent was killed: what was finished is kept, the half answer is gone", async () => {
    reportFailure();
    const [first, whole] = [countedAnswer(300, 0), countedAnswer(300, 600)];
    const ann = person(AGENT_GRACE_MS);
    const { runId = "" } = await ann.session.send("300 600", { agent: "counter" });
    await ann.seesLength(runId, first.length + 1_000);
    await counter.killAndRestart();
    const ben = person();
    await ann.sees("the half answer gone", () => ann.answer(runId) === first);
    await ann.seesLength(runId, first.length + 1_000);
    person();
    for (const device of people) {
      await device.seesEnd(runId);
      expect(device.answer(runId)).toBe(whole);
      expect(device.session.view.runs.map(({ attempts }) => attempts)).toEqual([2]);
    }
    const steps = ["plan done", "first done", "second done"];
    expect(ben.session.view.runs[0]?.steps.map(({ key, phase }) => `${key} ${phase}`)).toEqual(steps);
    expect(counter.notes(runId).map(({ attempt, what }) => `${attempt} ${what}`)).toEqual([
      "1 plan",
      "1 first",
      "1 second",
      "2 second",
    ]);
    if (log === "kafka") await expectInTheLog(perdure, runId, whole);
  });
});

/** What kafkajs reads comes to the same answer, from the first record and from every head (SPEC 3). */
async function expectInTheLog(perdure: Servers, runId: string, expected: string): Promise<void> {
  const key = `${TENANT}/${SESSION}`;
  const topics = await KafkaTopics.open(perdure.brokers, perdure.topicPrefix);
  try {
    const { state, head, fromHead: fromLatest } = await topics.session(key);
    expect(answerIn(state, runId)).toBe(expected);
    expect(answerIn(fromHead(head), runId)).toBe(expected);
    const whole = canonical(toHead(state));
    expect(canonical(toHead(fromLatest))).toBe(whole);
    const heads = topics.headsOf(key);
    expect(heads.length).toBeGreaterThan(1);
    for (const earlier of heads) expect(canonical(toHead(topics.foldFrom(key, fromHead(earlier))))).toBe(whole);
  } finally {
    await topics.close();
  }
}
