import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openTruthReader } from "./truth-reader.ts";

let path: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), "truth-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  path = join(folder, "truth.jsonl");
});

const line = (session: string, text: string): string =>
  `${JSON.stringify({ is: "text", session, run: "r", attempt: 1, text })}\n`;

describe("reading what the agent wrote down", () => {
  it("goes on from where it was, session by session", async () => {
    const truth = await openTruthReader(path);
    expect(await truth.since("s", 0)).toEqual({ lines: [], next: 0 });
    appendFileSync(path, line("s", "one ") + line("other", "else ") + line("s", "two "));
    const first = await truth.since("s", 0);
    expect(first.lines.map(({ text }) => text)).toEqual(["one ", "two "]);
    appendFileSync(path, line("s", "three "));
    const second = await truth.since("s", first.next);
    expect(second).toMatchObject({ lines: [{ text: "three " }], next: 3 });
  });

  it("waits for the end of a line and of a character", async () => {
    const truth = await openTruthReader(path);
    const bytes = Buffer.from(line("s", "größer "));
    const middle = bytes.indexOf("ö") + 1;
    appendFileSync(path, bytes.subarray(0, middle));
    expect((await truth.since("s", 0)).next).toBe(0);
    appendFileSync(path, bytes.subarray(middle));
    expect((await truth.since("s", 0)).lines[0]?.text).toBe("größer ");
  });

  it("skips what is no line of the truth", async () => {
    const truth = await openTruthReader(path);
    appendFileSync(path, `\n{"is":"text","session":"s"\n[]\n{"is":"other"}\nnull\n${line("s", "good ")}`);
    expect((await truth.since("s", 0)).lines.map(({ text }) => text)).toEqual(["good "]);
  });

  it("hands on every kind of line, with all it says", async () => {
    const truth = await openTruthReader(path);
    const lines = ["attempt", "begin", "text", "done", "end"].map((is) => ({
      is,
      session: "s",
      run: "r",
      attempt: 2,
      step: "a",
      text: "x",
    }));
    appendFileSync(path, lines.map((one) => `${JSON.stringify(one)}\n`).join(""));
    expect((await truth.since("s", 0)).lines).toEqual(lines);
  });

  it("reads each line once where several ask at the same time", async () => {
    const truth = await openTruthReader(path);
    appendFileSync(path, line("s", "one ") + line("s", "two "));
    const answers = await Promise.all([truth.since("s", 0), truth.since("s", 0), truth.since("s", 0)]);
    expect(answers.map(({ next }) => next)).toEqual([2, 2, 2]);
  });
});
