import { afterEach, beforeEach, expect, onTestFailed, test } from "vitest";
import { CutProxy } from "../edge/cut-proxy.ts";
import { Counter, countedAnswer } from "../support/counter.ts";
import { Person } from "../support/person.ts";
import { PythonFollower } from "../support/python-follower.ts";
import { Servers } from "../support/servers.ts";

const WORDS_PER_SECOND = 250;
const SESSION = "trip";
const AGENT_GRACE_MS = 1_000;

let perdure: Servers;
let counter: Counter;
let proxy: CutProxy;
let ann: Person;
let python: PythonFollower | undefined;

beforeEach(async () => {
  perdure = await Servers.start({ log: "embedded" });
  counter = await Counter.start(perdure, WORDS_PER_SECOND);
  proxy = await CutProxy.start(Number(new URL(perdure.edgeUrl).port));
  ann = new Person(perdure, SESSION, AGENT_GRACE_MS);
});

afterEach(async () => {
  ann.close();
  await python?.program.stop();
  await proxy.close();
  await counter.stop();
  await perdure.stop();
});

async function follow(asks?: readonly [text: string, agent: string]): Promise<PythonFollower> {
  python = new PythonFollower({
    url: proxy.url,
    token: await perdure.token({ participant: "pia" }),
    session: SESSION,
    ...(asks && { asks }),
  });
  onTestFailed(() => console.error(`${perdure.report}\n${counter.report}`));
  return python;
}

/** The same messages, and the same text of each. */
function expectSame(follower: PythonFollower): void {
  const shown = ann.session.view.messages.map(({ id, text }) => ({ id, text }));
  expect(follower.seen.messages.map(({ id, text }) => ({ id, text }))).toEqual(shown);
}

const textOf = ({ seen }: PythonFollower): string => seen.messages.map(({ text }) => text).join("");

test("a client in Python sees every token once, its connection cut and the server killed (SPEC 10)", async () => {
  const question = "800 800";
  const expected = countedAnswer(800, 800);
  const pia = await follow([question, "counter"]);
  for (const [index, bytes] of [1, 40, 333, 5_000, 0, 77].entries()) {
    const length = (expected.length * (index + 1)) / 8;
    await pia.sees(`${length} characters`, () => textOf(pia).length > length);
    if (index === 3) await perdure.killAndRestart("edge");
    else proxy.cutAfter(bytes);
  }
  await pia.program.exited;
  expect(textOf(pia)).toBe(question + expected);
  const [runId = ""] = Object.keys(pia.seen.runs);
  await ann.seesEnd(runId);
  expectSame(pia);
  // The first attach finds nothing; each of the others goes on where it was.
  expect(pia.seen.attached[0]).toBe("new");
  expect(pia.seen.attached.slice(1).filter((how) => how === "snapshot" || how === "new")).toEqual([]);
  expect(pia.seen.attached.length).toBeGreaterThan(5);
});

test("it takes the half answer of a killed agent away, as every client does (SPEC 6.2, 10)", async () => {
  const [first, whole] = [countedAnswer(200, 0), countedAnswer(200, 400)];
  const pia = await follow();
  const { runId = "" } = await ann.session.send("200 400", { agent: "counter" });
  await pia.sees("half an answer", () => textOf(pia).length > first.length + 1_000);
  await counter.killAndRestart();
  proxy.cutAfter(0);
  await pia.sees("its end", ({ runs }) => runs[runId] === "RUN_PHASE_COMPLETED");
  await ann.seesEnd(runId);
  expect(textOf(pia)).toBe(`200 400${whole}`);
  expectSame(pia);
});
