import { afterEach, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { Analyst } from "../support/analyst.ts";
import { ModelServer } from "../support/model-server.ts";
import { Person } from "../support/person.ts";
import { Servers } from "../support/servers.ts";

const FILES = {
  "README.md": "# Teahouse\n\nA teahouse keeps its kettles warm so that every guest is served at once.\n",
  "docs/kettles.md":
    "# Kettles\n\n## Losing power\n\nA kettle that loses its power keeps the water warm for an hour.\n\nThe guests of a kettle without power get cold water after that hour, and are told so.\n",
  "src/kettle.ts":
    "/** What a kettle says when its power fails. */\nexport function powerFailed(litres: number): string {\n  return `cold: ${litres}`;\n}\n",
  "src/kettle.test.ts": 'it("says that its power failed", () => {});\n',
};
const QUESTION = "What happens when a kettle loses its power?";
const AGENT_GRACE_MS = 1_000;
const FAST = { ANALYST_TOKENS_PER_SECOND: "2000" };
const SLOW = { ANALYST_TOKENS_PER_SECOND: "40" };

describe("the analyst", () => {
  let perdure: Servers;
  let ann: Person;
  let analyst: Analyst | undefined;
  let model: ModelServer | undefined;

  beforeEach(async () => {
    perdure = await Servers.start({ log: "embedded" });
    ann = new Person(perdure, "kettles", AGENT_GRACE_MS);
    onTestFailed(() => console.error(`${perdure.report}\n${analyst?.report ?? ""}`));
  });

  afterEach(async () => {
    ann.close();
    await analyst?.stop();
    model?.stop();
    await perdure.stop();
    analyst = model = undefined;
  });

  const parts = (runId: string) =>
    ann.session.view.messages.filter((message) => message.runId === runId).flatMap((message) => message.parts);

  test("answers from the files, with steps, thinking and citations to lines", async () => {
    analyst = await Analyst.start(perdure, FILES, FAST);
    const { runId = "" } = await ann.session.send(QUESTION, { agent: "analyst" });
    await ann.seesEnd(runId);
    expect(ann.answer(runId)).toContain("A kettle that loses its power keeps the water warm for an hour.");
    expect(ann.answer(runId)).toBe(analyst.produced(runId)?.text);
    const [run] = ann.session.view.runs;
    expect(run?.steps.map(({ phase }) => phase)).toEqual(Array.from({ length: 6 }, () => "done"));
    expect(parts(runId).some(({ kind, text }) => kind === "reasoning" && text.includes("“power” in"))).toBe(true);
    const text = parts(runId).find(({ kind }) => kind === "text");
    const sources = new Map(
      parts(runId)
        .filter(({ kind }) => kind === "source")
        .map((source) => [source.id, source]),
    );
    const cited = text?.annotations.map(({ start = 0, end = 0, targetPartId = "" }) => [
      text.text.slice(start, end),
      sources.get(targetPartId)?.name,
    ]);
    expect(cited?.[0]).toEqual(["[1]", "docs/kettles.md:5"]);
    expect(cited?.every(([mark, name]) => /^\[\d+\]$/.test(mark ?? "") && name !== undefined)).toBe(true);
  });

  test("killed in the middle, leaves no half answer: what the last attempt produced is what is shown", async () => {
    analyst = await Analyst.start(perdure, FILES, SLOW);
    const { runId = "" } = await ann.session.send(QUESTION, { agent: "analyst" });
    await ann.seesLength(runId, 60);
    await analyst.killAndRestart();
    await ann.seesEnd(runId);
    const produced = analyst.produced(runId);
    expect(produced?.attempts).toBe(2);
    expect(ann.answer(runId)).toBe(produced?.text);
  });

  test("takes up what is said while it answers", async () => {
    analyst = await Analyst.start(perdure, FILES, SLOW);
    const turn = await ann.session.send(QUESTION, { agent: "analyst" });
    const { runId = "" } = turn;
    await ann.seesLength(runId, 40);
    expect(await turn.steer("only the tests")).toEqual({ applied: true });
    await ann.seesEnd(runId);
    const [before = "", after = ""] = ann.answer(runId).split("With your note “only the tests”");
    expect(before).toContain("In the files' own words");
    expect(after).toContain("says that its power failed");
    expect(after).not.toContain("keeps the water warm");
    expect(ann.answer(runId)).toBe(analyst.produced(runId)?.text);
  });

  test("waits while it is paused, and stops at once when it is told to", async () => {
    analyst = await Analyst.start(perdure, FILES, SLOW);
    const turn = await ann.session.send(QUESTION, { agent: "analyst" });
    const { runId = "" } = turn;
    await ann.seesLength(runId, 40);
    expect(await turn.pause()).toEqual({ applied: true });
    const paused = ann.answer(runId);
    expect(await turn.cancel()).toEqual({ applied: true });
    expect(ann.phase(runId)).toBe("cancelled");
    expect(ann.answer(runId)).toBe(paused);
    expect(analyst.produced(runId)).toMatchObject({ ended: true, cancelled: true });
  });

  test("asks a model where it has a key, with the same tools, and makes citations of the lines that it names", async () => {
    model = await ModelServer.start(({ messages }) =>
      messages.at(-1)?.role === "tool"
        ? { words: ["The water ", "stays warm ", "[docs/ket", "tles.md:5-5] ", "for an hour [docs/none.md:1]."] }
        : { tool: "search", input: { query: "kettle power" } },
    );
    analyst = await Analyst.start(perdure, FILES, {
      OPENAI_BASE_URL: model.url,
      OPENAI_API_KEY: "test",
      ANALYST_MODEL: "test-model",
    });
    const { runId = "" } = await ann.session.send(QUESTION, { agent: "analyst" });
    await ann.seesEnd(runId);
    expect(ann.answer(runId)).toBe("The water stays warm [docs/kettles.md:5-5] for an hour [docs/none.md:1].");
    expect(ann.answer(runId)).toBe(analyst.produced(runId)?.text);
    expect(ann.session.view.runs[0]?.steps.map(({ label, phase }) => [label, phase])).toEqual([
      ["Ask the model", "done"],
      ["Search “kettle power”", "done"],
    ]);
    const tool = parts(runId).find(({ kind }) => kind === "tool_result");
    expect(tool?.text).toContain("A kettle that loses its power");
    const text = parts(runId).findLast(({ kind }) => kind === "text");
    const [source] = parts(runId).filter(({ kind }) => kind === "source");
    expect(text?.annotations).toMatchObject([{ kind: "citation", start: 21, end: 42, targetPartId: source?.id }]);
    expect(source).toMatchObject({
      name: "docs/kettles.md:5",
      text: expect.stringContaining("A kettle that loses") as unknown,
    });
    expect(model.asked[0]?.messages.map(({ role }) => role)).toEqual(["system", "user"]);
  });

  test("fails a run with what the model's provider says", async () => {
    model = await ModelServer.start(() => ({ status: 401, message: "this key is not known" }));
    analyst = await Analyst.start(perdure, FILES, { OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "wrong" });
    const { runId = "" } = await ann.session.send(QUESTION, { agent: "analyst" });
    await ann.sees("a failed run", () => ann.phase(runId) === "failed");
    expect(ann.session.view.runs[0]?.message).toContain("this key is not known");
  });
});
