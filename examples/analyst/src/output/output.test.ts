import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { Pace, tokensOf } from "./pace.ts";
import type { Clock } from "./pace.ts";
import { openPlainStream } from "./plain-stream.ts";
import { openTruth } from "./truth.ts";

function manualClock(): Clock & { nowMs(): number; waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    nowMs: () => nowMs,
    sleep: (delayMs) => {
      waits.push(delayMs);
      nowMs += delayMs;
      return Promise.resolve();
    },
  };
}

describe("pace", () => {
  it("cuts a text into words that make it up again", () => {
    const text = "  one two\n\n- three   four\n```ts\n  five\n```\n";
    expect(tokensOf(text).join("")).toBe(text);
    expect(tokensOf("one two").length).toBe(2);
  });

  it("hands out turns at its rate", async () => {
    const clock = manualClock();
    const pace = new Pace(50, clock);
    const { signal } = new AbortController();
    for (let turn = 0; turn < 101; turn += 1) await pace.turn(signal);
    expect(clock.nowMs()).toBe(2_000);
    expect(pace.durationMs(100)).toBe(2_000);
  });

  it("does not rush after a pause to make up for it", async () => {
    const clock = manualClock();
    const pace = new Pace(10, clock);
    const { signal } = new AbortController();
    await pace.turn(signal);
    await clock.sleep(5_000, signal);
    await pace.turn(signal);
    await pace.turn(signal);
    expect(clock.waits).toEqual([5_000, 100]);
  });

  it("waits no longer once it is told to stop", async () => {
    const clock = manualClock();
    const pace = new Pace(1, clock);
    await pace.turn(AbortSignal.abort());
    await pace.turn(AbortSignal.abort());
    expect(clock.waits).toEqual([]);
  });
});

describe("the truth file", () => {
  it("has each token when the call returns, after what was there before", () => {
    const folder = mkdtempSync(join(tmpdir(), "truth-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "deep", "truth.jsonl");
    const first = openTruth(path);
    first.write({ is: "attempt", session: "s", run: "r", attempt: 1 });
    first.close();
    const second = openTruth(path);
    second.write({ is: "text", session: "s", run: "r", attempt: 2, step: "write:0", text: "word\n" });
    const lines = readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "");
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      { is: "attempt", session: "s", run: "r", attempt: 1 },
      { is: "text", session: "s", run: "r", attempt: 2, step: "write:0", text: "word\n" },
    ]);
    second.close();
  });
});

describe("the plain stream", () => {
  it("gives a listener what is made from then on, of its session, and keeps nothing", async () => {
    const plain = await openPlainStream(0);
    onTestFinished(() => plain.close());
    plain.text("s", "r", "before ");
    const response = await fetch(`http://127.0.0.1:${plain.port}/plain?session=s`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    plain.text("other", "r", "elsewhere ");
    plain.text("s", "r", "now ");
    plain.end("s", "r");
    let heard = "";
    for await (const chunk of response.body ?? []) {
      heard += Buffer.from(chunk).toString("utf8");
      if (heard.includes("event: end")) break;
    }
    expect(heard).toBe(':\n\nevent: text\ndata: {"run":"r","text":"now "}\n\nevent: end\ndata: {"run":"r"}\n\n');
  });

  it("answers anything else with 404", async () => {
    const plain = await openPlainStream(0);
    onTestFinished(() => plain.close());
    for (const path of ["/", "/plain", "/other?session=s"]) {
      expect((await fetch(`http://127.0.0.1:${plain.port}${path}`)).status).toBe(404);
    }
  });
});
