import { type Agent, connectAgent, type RunHandler } from "@perdure/agent";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gated } from "./support/gated.ts";
import { logger, type Person, World } from "./support/world.ts";

let world: World;
let agent: Agent;
/** What the agent does next; each test sets it. */
let handler: RunHandler = () => undefined;
let sessions = 0;

beforeAll(async () => {
  world = await World.start({ keeper: { checkpointMs: 50 } });
  agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", capacity: 4, logger });
  void agent.serve((run) => handler(run));
});

afterAll(async () => {
  await agent.close({ drainMs: 0 });
  await world.stop();
});

const newcomer = (): Promise<Person> => world.person(`trip-${++sessions}`);

/** Has the agent do `work` for a newcomer, to its end. */
async function done(work: RunHandler, text = "hi"): Promise<{ ann: Person; runId: string; phase: string }> {
  handler = work;
  const ann = await newcomer();
  const runId = await ann.ask(text);
  return { ann, runId, phase: await ann.runEnded(runId) };
}

describe("a run", () => {
  test("hears what it is asked, and what it pipes is what people read", async () => {
    const { ann, runId, phase } = await done(async (run) => {
      await run.pipe([`You said: ${run.input.text}. `, "Hello."]);
      return { asked: run.input.askedBy, attempt: run.attempt };
    });
    expect(phase).toBe("RUN_PHASE_COMPLETED");
    expect(ann.said).toBe("You said: hi. Hello.");
    expect(ann.state.runs.get(runId)?.result).toBe('{"asked":"ann","attempt":1}');
    expect(ann.messages.map(({ closed }) => closed)).toEqual([true, true]);
    expect(ann.messages[1]?.parentId).toBe(ann.messages[0]?.id);
  });

  test("fails with what its handler throws: code and message, for people", async () => {
    const { ann, runId, phase } = await done(() => {
      throw Object.assign(new Error("no such flight"), { code: "NO_FLIGHT" });
    });
    expect(phase).toBe("RUN_PHASE_FAILED");
    expect(ann.state.runs.get(runId)).toMatchObject({ code: "NO_FLIGHT", message: "no such flight" });
  });

  test("fails where its result is no JSON, or too long for it", async () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    expect((await done(() => circular)).phase).toBe("RUN_PHASE_FAILED");
    const { ann, runId } = await done(() => "x".repeat(100_000));
    expect(ann.state.runs.get(runId)?.code).toBe("too_large");
  });

  test("sees the session's messages, its own among them", async () => {
    let seen: readonly (string | undefined)[] = [];
    await done(async (run) => {
      await run.pipe(["one"]);
      seen = run.session.messages.map(({ parts = [] }) => parts[0]?.part?.text);
    });
    expect(seen).toEqual(["hi", "one"]);
  });

  test("gets the data that was sent along, parsed, or the text as it is", async () => {
    const seen: unknown[] = [];
    handler = (run) => void seen.push(run.input.data);
    const ann = await newcomer();
    await ann.runEnded(await ann.ask("a", "helper", { input: '{"order":7}' }));
    await ann.runEnded(await ann.ask("b", "helper", { input: "no json" }));
    await ann.runEnded(await ann.ask("c"));
    expect(seen).toEqual([{ order: 7 }, "no json", undefined]);
  });
});

describe("a pipe", () => {
  test("keeps every token of a fast stream, in order", async () => {
    const tokens = Array.from({ length: 5_000 }, (_, index) => `${index} `);
    const { ann } = await done((run) => run.pipe(tokens));
    expect(ann.said).toBe(tokens.join(""));
  });

  test("goes on in a message that continues the full one", async () => {
    const line = `${"é".repeat(499)}\n`;
    const lines = Array.from({ length: 1_300 }, () => line);
    const { ann, phase } = await done(async (run) => (await run.pipe(lines)).length);
    expect(phase).toBe("RUN_PHASE_COMPLETED");
    const pages = await world.pages(ann);
    const messages = [...pages, ...ann.messages].filter(({ role }) => role === "MESSAGE_ROLE_ASSISTANT");
    expect(messages.length).toBeGreaterThan(2);
    expect(messages.flatMap(({ parts = [] }) => parts.map(({ part }) => part?.text)).join("")).toBe(lines.join(""));
    expect(messages.slice(1).map(({ continues }) => continues)).toEqual(messages.slice(0, -1).map(({ id }) => id));
  });

  test("keeps characters whole that its chunks tear apart, and mends what never was one", async () => {
    const { ann } = await done((run) => run.pipe(["a\ud83d", "\ude00b", "", "\ude00", "c\ud83d"]));
    expect(ann.said).toBe("a😀b\ufffdc");
  });

  test("splits one chunk that is longer than a record may be", async () => {
    const long = "😀".repeat(200_000);
    const { ann } = await done((run) => run.pipe([long]));
    const pages = await world.pages(ann);
    const texts = [...pages, ...ann.messages].slice(1).flatMap(({ parts = [] }) => parts.map(({ part }) => part?.text));
    expect(texts.join("")).toBe(long);
  });

  test("has thinking, tools, sources, citations, files and data as parts", async () => {
    const { ann } = await done((run) =>
      run.pipe([
        { kind: "reasoning", text: "Let me " },
        { kind: "reasoning", text: "look." },
        { kind: "toolInput", callId: "c1", name: "search", text: '{"q":' },
        { kind: "toolInput", callId: "c1", name: "search", text: '"x"}' },
        { kind: "toolResult", callId: "c1", output: ["found"] },
        "It is so",
        { kind: "source", id: "s1", title: "README", url: "file:README.md", text: "so it is", data: { line: 3 } },
        { kind: "citation", source: "s1" },
        ".",
        { kind: "file", url: "https://x.test/a.png", mediaType: "image/png", sizeBytes: 9 },
        { kind: "data", name: "chart", value: { bars: 2 } },
      ]),
    );
    const parts = ann.messages[1]?.parts ?? [];
    expect(parts.map(({ part }) => [part?.kind, part?.text])).toEqual([
      ["PART_KIND_REASONING", "Let me look."],
      ["PART_KIND_TOOL_CALL", '{"q":"x"}'],
      ["PART_KIND_TOOL_RESULT", '["found"]'],
      ["PART_KIND_TEXT", "It is so."],
      ["PART_KIND_SOURCE", "so it is"],
      ["PART_KIND_FILE", undefined],
      ["PART_KIND_DATA", '{"bars":2}'],
    ]);
    expect(parts[3]?.annotations).toEqual(
      [{ kind: "citation", start: 0, end: 8, targetPartId: parts[4]?.id }].map((note) => ({
        kind: note.kind,
        end: note.end,
        targetPartId: note.targetPartId,
      })),
    );
  });

  test("that fails closes its message as such, and the handler may try again in the same run", async () => {
    const { ann } = await done(async (run) => {
      const broken = async function* (): AsyncGenerator<string> {
        yield "half";
        throw new Error("the model went away");
      };
      await expect(run.pipe(broken(), { key: "answer" })).rejects.toThrow("the model went away");
      await run.pipe(["whole"], { key: "answer" });
    });
    expect(ann.said).toBe("whole");
  });

  test("stops where it is when the run is cancelled, and says so", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    stream.push("some");
    await ann.until(() => ann.said === "some");
    await ann.write([{ controlCancel: { runId, reason: "enough" } }]);
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_CANCELLED");
    expect([ann.said, ann.messages[1]?.closed, ann.messages[1]?.finish]).toEqual([
      "some",
      true,
      "FINISH_REASON_CANCELLED",
    ]);
  });

  test("fails when its message is taken away under its hands, and does not claim to have said what nobody reads", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    stream.push("some");
    await ann.until(() => ann.said === "some");
    const olga = await world.person(`trip-${sessions}`, "olga", "ROLE_OPERATOR");
    await olga.write([{ messageRemoved: { messageId: ann.messages[1]?.id ?? "" } }]);
    stream.push("more");
    stream.end();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_FAILED");
    expect(ann.state.runs.get(runId)?.code).toBe("not_found");
  });

  test("is a step: with the same key it is not done again", async () => {
    const { ann } = await done(async (run) => {
      const first = await run.pipe(["once"], { key: "answer" });
      const second = await run.pipe(["twice"], { key: "answer" });
      return [first, second];
    });
    expect(ann.said).toBe("once");
  });
});

describe("steps, tools and words on the way", () => {
  test("a step's result comes by way of JSON at once, as it would in a later attempt", async () => {
    const { ann, runId } = await done((run) => run.step("load", () => ({ at: new Date(0), nothing: undefined })));
    expect(ann.state.runs.get(runId)?.result).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });

  test("two calls of one key share the work", async () => {
    let count = 0;
    await done(async (run) => {
      await Promise.all([run.step("load", () => ++count), run.step("load", () => ++count)]);
    });
    expect(count).toBe(1);
  });

  test("a step that throws is seen as failed, and can be tried again", async () => {
    const { ann, runId, phase } = await done(async (run) => {
      await run.step("load", () => Promise.reject(new Error("not there"))).catch(() => undefined);
      return run.step("load", () => "there");
    });
    expect(phase).toBe("RUN_PHASE_COMPLETED");
    expect(ann.state.runs.get(runId)?.result).toBe('"there"');
  });

  test("a tool's call and output are shown as they happen, a failure as such", async () => {
    const { ann, runId } = await done(async (run) => {
      await run
        .toolCall({ name: "divide", input: { by: 0 } }, () => Promise.reject(new Error("by zero")))
        .catch(() => 0);
      return run.toolCall({ name: "add", input: [1, 2] }, () => 3);
    });
    const parts = ann.messages.slice(1).flatMap(({ parts: all = [] }) => all);
    expect(parts.map(({ part }) => [part?.kind, part?.name ?? "", part?.text, part?.failed ?? false])).toEqual([
      ["PART_KIND_TOOL_CALL", "divide", '{"by":0}', false],
      ["PART_KIND_TOOL_RESULT", "", '"Error: by zero"', true],
      ["PART_KIND_TOOL_CALL", "add", "[1,2]", false],
      ["PART_KIND_TOOL_RESULT", "", "3", false],
    ]);
    expect(ann.state.runs.get(runId)?.result).toBe("3");
  });

  test("messages of one run follow one another", async () => {
    const { ann } = await done(async (run) => {
      await run.toolCall({ name: "look", input: {} }, () => "seen");
      await run.pipe(["so"]);
    });
    const [asked, tool, answer] = ann.messages;
    expect([tool?.parentId, answer?.parentId]).toEqual([asked?.id, tool?.id]);
  });

  test("progress is seen while the run goes on, in thousandths", async () => {
    const stream = gated();
    handler = async (run) => {
      run.progress({ label: "Writing", fraction: 0.8, etaMs: 4_000 });
      await run.pipe(stream.chunks);
    };
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    const progress = await ann.until(({ runs }) => runs.get(runId)?.progress);
    expect(progress).toMatchObject({ label: "Writing", fraction: 800, etaMs: 4_000 });
    stream.end();
    await ann.runEnded(runId);
  });

  test("usage adds up, and a second report of an answer counts once", async () => {
    const { ann } = await done(async (run) => {
      const used = { provider: "p", model: "m", inputTokens: 10, outputTokens: 5, costMicros: 30, currency: "USD" };
      await run.usage({ ...used, responseId: "r1" });
      await run.usage({ ...used, responseId: "r1" });
      await run.usage({ ...used, responseId: "r2" });
    });
    expect([...ann.state.usage.values()]).toMatchObject([{ inputTokens: 20, outputTokens: 10, costMicros: 60 }]);
  });
});

describe("people steer a run", () => {
  test("a steer is heeded and answered, also one that came before anyone listened", async () => {
    const go = Promise.withResolvers<void>();
    const heard: string[] = [];
    handler = async (run) => {
      await go.promise;
      const heeded = Promise.withResolvers<void>();
      run.onSteer(({ text, by }) => {
        heard.push(`${by}: ${text}`);
        if (heard.length === 2) heeded.resolve();
      });
      await heeded.promise;
    };
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ACTIVE");
    const early = ann.nextId();
    await ann.write([{ controlSteer: { runId, text: "only direct" } }]);
    await ann.until(({ controls }) => controls.get(early)?.receipt === "RECEIPT_LEVEL_RECEIVED");
    go.resolve();
    await ann.until(({ controls }) => controls.get(early)?.receipt === "RECEIPT_LEVEL_APPLIED");
    await ann.write([{ controlSteer: { runId, text: "by train" } }]);
    await ann.runEnded(runId);
    expect(heard).toEqual(["ann: only direct", "ann: by train"]);
  });

  test("a steer that nobody listens to is told as missed when the run ends", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ACTIVE");
    const steer = ann.nextId();
    await ann.write([{ controlSteer: { runId, text: "faster" } }]);
    stream.end();
    await ann.runEnded(runId);
    expect(ann.state.controls.get(steer)).toMatchObject({ receipt: "RECEIPT_LEVEL_REFUSED", code: "missed" });
  });

  test("a pause holds the pipe, and it goes on where it was", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    stream.push("one ");
    await ann.until(() => ann.said === "one ");
    await ann.write([{ controlPause: { runId } }]);
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_SUSPENDED");
    stream.push("two ");
    const resume = ann.nextId();
    await ann.write([{ controlResume: { runId } }]);
    await ann.until(({ controls }) => controls.get(resume)?.receipt === "RECEIPT_LEVEL_APPLIED");
    await ann.until(() => ann.said === "one two ");
    expect(ann.state.runs.get(runId)?.phase).toBe("RUN_PHASE_ACTIVE");
    stream.end();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
  });

  test("a run that is paused can still be cancelled", async () => {
    handler = (run) => run.pipe(gated().chunks);
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ACTIVE");
    await ann.write([{ controlPause: { runId } }]);
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_SUSPENDED");
    await ann.write([{ controlCancel: { runId } }]);
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_CANCELLED");
  });

  test("a redirect stops the run and asks for another instead", async () => {
    let turn = 0;
    handler = (run) => (turn++ === 0 ? run.pipe(gated().chunks) : String(run.input.data));
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ACTIVE");
    const redirect = ann.nextId();
    await ann.write([{ controlRedirect: { runId, text: "rather this" } }]);
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_CANCELLED");
    const other = await ann.until(({ runs }) => [...runs.values()].find(({ parentRunId }) => parentRunId === runId));
    await ann.runEnded(other.id);
    expect(ann.state.controls.get(redirect)?.receipt).toBe("RECEIPT_LEVEL_APPLIED");
    expect([...ann.state.runs.values()].at(-1)?.result).toBe('"rather this"');
  });
});

describe("a run asks", () => {
  test("people, waits, and gets the first answer with who gave it", async () => {
    handler = (run) => run.ask({ title: "Refund?", choices: ["approve", "refuse"], expiresIn: "15m" });
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_SUSPENDED");
    const [request] = [...ann.state.requests.values()];
    expect(request).toMatchObject({ phase: "REQUEST_PHASE_OPEN", request: { title: "Refund?", expiresInMs: 900_000 } });
    const answer = { requestId: request?.id ?? "", action: "ANSWER_ACTION_ACCEPT", payload: '"approve"' } as const;
    await ann.write([{ requestAnswered: answer }]);
    await ann.runEnded(runId);
    const [run] = [...ann.state.runs.values()];
    expect(JSON.parse(run?.result ?? "")).toEqual({ action: "accept", value: "approve", by: "ann" });
  });

  test("gets the default where nobody answers in time", async () => {
    const { ann, runId } = await done((run) =>
      run.ask({ title: "Refund?", choices: ["yes", "no"], expiresIn: 50, default: "no" }),
    );
    expect(JSON.parse(ann.state.runs.get(runId)?.result ?? "")).toEqual({ action: "expired", value: "no", by: "" });
  });

  test("stops waiting when the run is cancelled", async () => {
    handler = (run) => run.ask({ title: "Well?" });
    const ann = await newcomer();
    const runId = await ann.ask("hi");
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_SUSPENDED");
    await ann.write([{ controlCancel: { runId } }]);
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_CANCELLED");
    expect([...ann.state.requests.values()].map(({ phase }) => phase)).toEqual(["REQUEST_PHASE_WITHDRAWN"]);
  });
});
