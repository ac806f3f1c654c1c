import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const PROGRAM = `
  import { choiceOption, numberOption, readOptions } from "./tools/options.ts";
  const { values } = readOptions("./dev this [--rounds N]", {
    options: { rounds: { type: "string", default: "3" }, log: { type: "string", default: "kafka" } },
  });
  console.log(numberOption("rounds", values.rounds, { high: 9 }), choiceOption("log", values.log, ["kafka", "embedded"]));
`;

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", PROGRAM, "--", ...args],
    { encoding: "utf8", env: { PATH: process.env["PATH"] } },
  );
  return { status, stdout, stderr };
}

test("a program reads what it was given, and its defaults", () => {
  expect(run()).toEqual({ status: 0, stdout: "3 kafka\n", stderr: "" });
  expect(run("--rounds", "9", "--log", "embedded")).toEqual({ status: 0, stdout: "9 embedded\n", stderr: "" });
});

test("--help says what there is", () => {
  expect(run("--help")).toEqual({ status: 0, stdout: "./dev this [--rounds N]\n", stderr: "" });
});

test.each([
  [["--nonsense"], "./dev this [--rounds N]"],
  [["--rounds"], "./dev this [--rounds N]"],
  [["--rounds", "many"], "--rounds takes a whole number from 1 to 9, not 'many'"],
  [["--rounds", "1.5"], "--rounds takes a whole number from 1 to 9, not '1.5'"],
  [["--rounds", "10"], "--rounds takes a whole number from 1 to 9, not '10'"],
  [["--rounds", ""], "--rounds takes a whole number from 1 to 9, not ''"],
  [["--log", "paper"], "--log is kafka or embedded, not 'paper'"],
])("%j is refused in words, with status 2", (args, told) => {
  const { status, stderr } = run(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(told);
  expect(stderr).not.toMatch(/^\s+at /m);
});
