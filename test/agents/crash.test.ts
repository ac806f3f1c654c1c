import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { World } from "./support/world.ts";

let world: World;
const processes: ChildProcess[] = [];

beforeEach(async () => {
  world = await World.start({ keeper: { checkpointMs: 50 }, limits: { busyMs: 500, heartbeatMs: 1_000 } });
});

afterEach(async () => {
  for (const child of processes.splice(0)) await kill(child, "SIGKILL");
  await world.stop();
});

async function startAgent(): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("support/agent-process.ts", import.meta.url));
  const env = { ...process.env, AGENT_URL: world.url, AGENT_TOKEN: await world.token(), AGENT_MARKS: marksFile() };
  const child = spawn(process.execPath, [script], { env, stdio: ["ignore", "inherit", "inherit"] });
  processes.push(child);
  return child;
}

const marksFile = (): string => join(world.dir, "marks");

async function kill(child: ChildProcess, signal: "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

const presences = (ann: Awaited<ReturnType<World["person"]>>): (string | undefined)[] =>
  [...ann.state.agents.values()].map(({ presence }) => presence);

describe("a process whose main loop is blocked", () => {
  test("is seen busy, not lost, and is here again when the loop turns", async () => {
    const ann = await world.person("trip-1");
    await startAgent();
    const runId = await ann.ask("block");
    await ann.until(() => presences(ann).includes("AGENT_PRESENCE_BUSY"));
    writeFileSync(`${marksFile()}.go`, "");
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    await ann.until(() => presences(ann).includes("AGENT_PRESENCE_HERE"));
    expect([...ann.state.agents.values()].map(({ lostReason }) => lostReason)).toEqual([undefined]);
  });
});

describe("SPEC 9: a process that is frozen", () => {
  test("is lost for its silence, and back in its attempt when it goes on within the grace time", async () => {
    const ann = await world.person("trip-1");
    const child = await startAgent();
    const runId = await ann.ask("hi");
    await ann.until(() => ann.said.includes("half"));
    child.kill("SIGSTOP");
    const reason = await ann.until(({ agents }) => [...agents.values()].at(0)?.lostReason);
    expect(reason).toBe("LOST_REASON_SILENT");
    child.kill("SIGCONT");
    await ann.until(() => presences(ann).includes("AGENT_PRESENCE_HERE"));
    expect(ann.state.runs.get(runId)).toMatchObject({ phase: "RUN_PHASE_ACTIVE", attempts: 1 });
    await ann.write([{ controlCancel: { runId } }]);
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_CANCELLED");
  });
});

describe("SPEC 6, 8: an agent's process is killed in the middle of an answer", () => {
  test("it is seen lost and crashed; a new process goes on: no step done twice, no half answer left", async () => {
    const ann = await world.person("trip-1");
    await ann.write([{ sessionUpdated: { policy: { agentGraceMs: 300 } } }]);
    const first = await startAgent();
    const runId = await ann.ask("hi");
    await ann.until(() => ann.said.includes("half"));
    await kill(first, "SIGKILL");
    await ann.until(() => presences(ann).includes("AGENT_PRESENCE_LOST"));
    await ann.until(({ runs }) => runs.get(runId)?.phase === "RUN_PHASE_ORPHANED");
    expect(presences(ann)).toEqual(["AGENT_PRESENCE_CRASHED"]);
    await startAgent();
    expect(await ann.runEnded(runId)).toBe("RUN_PHASE_COMPLETED");
    const words = Array.from({ length: 50 }, (_, word) => `word${word} `);
    expect(ann.said).toBe(words.join(""));
    // The preface has long left the current state for its pages: it is read there.
    const length = Array.from({ length: 200 }, (_, line) => `${line}: ${"é".repeat(500)}\n`).join("").length;
    expect(readFileSync(marksFile(), "utf8")).toBe(
      `planned in attempt 1\na preface of ${length} in attempt 1\na preface of ${length} in attempt 2\n`,
    );
  });
});
