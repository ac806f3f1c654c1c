// A person, an operator and an agent in one session, each with its SDK, on an embedded log.
import { type Agent, connectAgent, type RunHandler } from "@perdure/agent";
import type { Session } from "@perdure/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gated } from "./support/gated.ts";
import { People, seen } from "./support/people.ts";
import { logger, World } from "./support/world.ts";

let world: World;
let people: People;
let agent: Agent;
/** What the agent does next; each test sets it. */
let handler: RunHandler = () => undefined;
let sessions = 0;

beforeAll(async () => {
  world = await World.start();
  people = await People.at(world);
  agent = await connectAgent({ url: world.url, getToken: () => world.token(), name: "helper", capacity: 4, logger });
  void agent.serve((run) => handler(run));
});

afterAll(async () => {
  await agent.close({ drainMs: 0 });
  await people.stop();
  await world.stop();
});

/** A person and an operator in a session of their own. */
function both(): { ann: Session; olga: Session } {
  const id = `help-${++sessions}`;
  return { ann: people.session(id, "ann"), olga: people.session(id, "olga", "operator") };
}

const texts = ({ view }: Session): string[] => view.messages.map(({ role, text }) => `${role}: ${text}`);
const shows = (session: Session, text: string): Promise<true> =>
  seen(session, ({ messages }) => (messages.some((message) => message.text.endsWith(text)) ? true : undefined));
const phase = (session: Session, wanted: string): Promise<true> =>
  seen(session, ({ runs }) => (runs.at(-1)?.phase === wanted ? true : undefined));

describe("an operator takes over", () => {
  test("in the middle of an answer: the agent waits, people talk, and it goes on with the note", async () => {
    const stream = gated();
    const heard: string[] = [];
    let knows = (): boolean => false;
    handler = async (run) => {
      knows = () => run.session.head.takeovers?.[0]?.phase === "TAKEOVER_PHASE_CLAIMED";
      run.onHandBack(({ note, by, outcome }) => heard.push(`${by} ${outcome}: ${note}`));
      await run.pipe(stream.chunks, { key: "answer" });
      await run.pipe([`As agreed: ${run.handBack?.note ?? "nothing"}.`], { key: "after" });
    };
    const { ann, olga } = both();
    const turn = await ann.send("My order is late");
    stream.push("We never ");
    await shows(olga, "We never ");
    const floor = await olga.takeOver();
    await phase(ann, "suspended");
    expect(ann.view.takeover).toMatchObject({ phase: "claimed", holder: "olga", self: false });
    expect(ann.view.runs[0]?.suspended).toBe("takeover");
    await expect.poll(() => knows()).toBe(true);
    stream.push("refund. ");
    await floor.say("Hello, I am Olga. You get it back.");
    await ann.send("Thank you!", { agent: false });
    await shows(olga, "Thank you!");
    // What the agent had in hand has not got past the floor.
    expect(texts(ann)).toEqual([
      "user: My order is late",
      "assistant: We never ",
      "operator: Hello, I am Olga. You get it back.",
      "user: Thank you!",
    ]);
    await floor.handBack({ note: "refund agreed" });
    stream.end();
    expect((await turn.done).run?.phase).toBe("completed");
    expect(heard).toEqual(["olga handed_back: refund agreed"]);
    expect([floor.held, ann.view.takeover]).toEqual([false, undefined]);
    const said = texts(ann).filter((text) => text.startsWith("assistant"));
    expect(said).toEqual(["assistant: We never refund. ", "assistant: As agreed: refund agreed."]);
  });

  test("of a run that is paused: it goes on when both are over", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const { ann, olga } = both();
    const turn = await ann.send("hi");
    stream.push("one ");
    await shows(olga, "one ");
    const suspended = (reason: string): Promise<true> =>
      seen(ann, ({ runs }) => (runs[0]?.suspended === reason ? true : undefined));
    await turn.pause();
    await suspended("paused");
    const floor = await olga.takeOver();
    await seen(ann, ({ takeover }) => takeover);
    expect(ann.view.runs[0]?.suspended).toBe("paused");
    expect(await turn.resume()).toEqual({ applied: true });
    await suspended("takeover");
    stream.push("two");
    stream.end();
    await floor.handBack();
    expect((await turn.done).run?.phase).toBe("completed");
    expect(texts(ann).at(-1)).toBe("assistant: one two");
  });

  test("what is asked meanwhile is seen to wait, and is done when the floor is given back", async () => {
    handler = (run) => run.pipe([`You said ${run.input.text}.`]);
    const { ann, olga } = both();
    await ann.send("hello", { agent: false });
    const floor = await olga.takeOver();
    const turn = await ann.send("anybody there?");
    await shows(olga, "anybody there?");
    expect(olga.view.runs.map(({ phase: now }) => now)).toEqual(["requested"]);
    const reply = await floor.say("yes");
    expect(reply.runId).toBeUndefined();
    expect((await olga.send("I look at it")).runId).toBeUndefined();
    await floor.handBack();
    await turn.done;
    expect(texts(ann).at(-1)).toBe("assistant: You said anybody there?.");
  });

  test("first: another one is told who has the floor, may get it from them, and the first has it no more", async () => {
    const { ann, olga } = both();
    await ann.send("hello", { agent: false });
    const floor = await olga.takeOver();
    expect((await olga.takeOver()).takeoverId).toBe(floor.takeoverId);
    const oscar = people.session(ann.id, "oscar", "operator");
    await seen(oscar, ({ takeover }) => takeover);
    await expect(oscar.takeOver()).rejects.toMatchObject({ code: "already_decided", winner: "olga" });
    await expect(ann.takeOver()).rejects.toMatchObject({ code: "forbidden" });
    await seen(olga, ({ members }) => (members.some(({ participant }) => participant === "oscar") ? true : undefined));
    await floor.transfer("oscar", { note: "your field" });
    const takeover = await seen(oscar, (view) => (view.takeover?.self === true ? view.takeover : undefined));
    expect([takeover.note, floor.held]).toEqual(["your field", false]);
    await expect(floor.handBack()).rejects.toMatchObject({ code: "floor_required" });
    await (await oscar.takeOver()).handBack();
  });

  test("and settles the matter: what the agent had not ended is cancelled", async () => {
    const stream = gated();
    handler = (run) => run.pipe(stream.chunks);
    const { ann, olga } = both();
    const turn = await ann.send("hi");
    stream.push("Hm");
    await shows(olga, "Hm");
    const floor = await olga.takeOver();
    await floor.resolve({ note: "done by phone" });
    expect((await turn.done).run?.phase).toBe("cancelled");
    expect(ann.view.messages.at(-1)).toMatchObject({ text: "Hm", finish: "cancelled" });
  });
});

describe("an agent asks for a human", () => {
  test("who comes, with what the agent says to staff, and leaves a note", async () => {
    handler = async (run) => {
      const escalated = await run.escalate({ reason: "A refund", summary: "limit: 100", team: "billing" });
      return escalated;
    };
    const { ann, olga } = both();
    const turn = await ann.send("I want my money back");
    const asked = await seen(olga, ({ takeover }) => takeover);
    expect(asked).toMatchObject({ phase: "requested", reason: "A refund", summary: "limit: 100", team: "billing" });
    const shown = await seen(ann, ({ takeover }) => takeover);
    expect([shown.reason, shown.summary]).toEqual(["A refund", ""]);
    const floor = await olga.takeOver();
    expect(floor.takeoverId).toBe(asked.id);
    await floor.handBack({ note: "refund it" });
    const { run } = await turn.done;
    expect(JSON.parse(run?.result ?? "")).toEqual({ outcome: "handed_back", note: "refund it", by: "olga" });
  });

  test("and nobody comes in time", async () => {
    handler = (run) => run.escalate({ reason: "A refund", expiresIn: 50 });
    const { ann } = both();
    const { run } = await (await ann.send("hi")).done;
    expect(JSON.parse(run?.result ?? "")).toEqual({ outcome: "expired", note: "", by: "" });
  });

  test("whom the person has asked for already, and no longer wants", async () => {
    const asked = Promise.withResolvers<void>();
    handler = async (run) => {
      await asked.promise;
      return run.escalate({ reason: "A refund" });
    };
    const { ann, olga } = both();
    const turn = await ann.send("hi");
    await ann.requestTakeover({ reason: "a human, please", urgency: "high" });
    await expect(ann.requestTakeover({ reason: "now!" })).rejects.toMatchObject({ code: "already_exists" });
    expect((await seen(olga, ({ takeover }) => takeover)).urgency).toBe("high");
    asked.resolve();
    await seen(olga, ({ runs }) => runs[0]?.steps.find(({ key }) => key === "escalate:1"));
    await ann.withdrawTakeover();
    const { run } = await turn.done;
    expect(JSON.parse(run?.result ?? "")).toMatchObject({ outcome: "withdrawn" });
  });
});

describe("a budget", () => {
  test("that is used up holds the agent, which is still heard on what it spent, until it is raised", async () => {
    const stream = gated();
    handler = async (run) => {
      const used = { provider: "p", model: "m", currency: "USD" };
      await run.usage({ ...used, costMicros: 60 });
      await run.pipe(stream.chunks);
      await run.usage({ ...used, costMicros: 60 });
    };
    const { ann, olga } = both();
    await ann.send("hello", { agent: false });
    await seen(olga, ({ exists }) => (exists ? true : undefined));
    await olga.setBudget({ currency: "USD", limit: 50, warnAt: 0.5 });
    const turn = await ann.send("hi");
    await phase(ann, "suspended");
    expect(ann.view.runs[0]?.suspended).toBe("budget");
    expect(ann.view.budgets).toEqual([{ currency: "USD", phase: "exhausted", limit: 0, spent: 0 }]);
    expect(olga.view.budgets).toMatchObject([{ limit: 50, spent: 60 }]);
    stream.push("So.");
    stream.end();
    await olga.setBudget({ currency: "USD", limit: 500 });
    expect((await turn.done).run?.phase).toBe("completed");
    expect(texts(ann).at(-1)).toBe("assistant: So.");
    await olga.liftBudget("USD");
    await seen(ann, ({ budgets }) => (budgets.length === 0 ? true : undefined));
  });
});

describe("a document", () => {
  test("is shared by an agent and people, and nobody's change is lost", async () => {
    const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
    handler = async (run) => {
      const todo = run.document("todo");
      await todo.update((value) => [...list(value), "from the agent"]);
      await todo.patch([{ op: "add", path: "/-", value: "patched" }]);
      return todo.value;
    };
    const { ann } = both();
    const first = await ann.send("hello", { agent: false });
    expect(first.messageId).toBeDefined();
    const todo = ann.document("todo");
    await todo.replace(["one"]);
    const turn = await ann.send("plan");
    await Promise.all([1, 2, 3].map((count) => todo.update((value) => [...list(value), `ann ${count}`])));
    await turn.done;
    const shown = await seen(ann, ({ documents }) => {
      const value = list(documents[0]?.value);
      return value.length === 6 ? value : undefined;
    });
    expect(shown[0]).toBe("one");
    expect(new Set(shown)).toEqual(new Set(["one", "ann 1", "ann 2", "ann 3", "from the agent", "patched"]));
    await expect(todo.patch([{ op: "remove", path: "/nothing" }])).rejects.toMatchObject({ code: "invalid_patch" });
    await todo.remove();
    expect(todo.value).toBeUndefined();
  });
});
