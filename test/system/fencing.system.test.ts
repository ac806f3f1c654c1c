import { expect, onTestFinished, test } from "vitest";
import { Counter, countedAnswer } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { Servers } from "../support/servers.ts";
import { until } from "../support/until.ts";

const WORDS_PER_SECOND = 250;

test("nothing is taken from an agent that was frozen until another one took its work over (SPEC 6)", async () => {
  const servers = await Servers.start({ log: "embedded" });
  onTestFinished(() => servers.stop());
  const frozen = await Counter.start(servers, WORDS_PER_SECOND);
  onTestFinished(() => frozen.stop());
  const ann = new Person(servers, "trip", 1_000);
  onTestFinished(() => ann.close());
  const { runId = "" } = await ann.session.send("100 600", { agent: "counter" });
  await ann.seesLength(runId, 2_000);
  frozen.freeze();
  const other = await Counter.start(servers, WORDS_PER_SECOND);
  onTestFinished(() => other.stop());
  await ann.sees("the second attempt", ({ runs }) => runs[0]?.attempts === 2);
  frozen.thaw();
  await ann.seesEnd(runId);
  expect(ann.answer(runId)).toBe(countedAnswer(100, 600));
  expect(other.notes(runId).map(({ attempt, what }) => `${attempt} ${what}`)).toEqual(["2 second"]);
  const refusal = await until("the frozen agent being told", () => frozen.notes(runId)[3]);
  expect(refusal.what).toBe("fenced");
});
