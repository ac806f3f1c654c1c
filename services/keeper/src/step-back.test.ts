import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";

/** Steps back as far as it goes, and prints the niceness of each thread that was there, and of one that is made later. */
const PROGRAM = `
import { readdirSync, readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { stepBack } from ${JSON.stringify(new URL("step-back.ts", import.meta.url).href)};
const nice = () => readdirSync("/proc/self/task").map((thread) => {
  const stat = readFileSync("/proc/self/task/" + thread + "/stat", "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
});
const before = nice();
stepBack(19);
const later = new Worker("setInterval(() => undefined, 1000)", { eval: true });
later.once("online", () => {
  console.log(before.join(), nice().join());
  process.exit();
});`;

describe.runIf(process.platform === "linux")("a keeper steps back", () => {
  it("with every thread, those of V8 and later ones too", () => {
    const printed = execFileSync(process.execPath, ["--input-type=module", "--eval", PROGRAM], { encoding: "utf8" });
    const [before = [], after = []] = printed.split(" ").map((list) => list.split(",").map(Number));
    expect(before.length).toBeGreaterThan(1);
    expect(after.length).toBeGreaterThan(before.length);
    expect(new Set(after)).toEqual(new Set([19]));
  });
});
