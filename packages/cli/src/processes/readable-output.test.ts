import { expect, it } from "vitest";
import { readableOutput } from "./readable-output.ts";

const log = (fields: object): string => JSON.stringify({ time: "2026-01-01", service: "server", ...fields });

it("of structured log lines, people get what went wrong and why", () => {
  const lines = [
    log({ level: "info", msg: "server starts" }),
    log({ level: "error", msg: "server could not start", err: { message: "it is open already", stack: "at x" } }),
    log({ level: "warn", msg: "the disk is full" }),
  ];
  expect(readableOutput(lines)).toEqual(["server could not start: it is open already", "the disk is full"]);
});

it("other lines are passed on as they are, also those that only look structured", () => {
  const lines = ["Error: no database", "{", '{"a":1}'];
  expect(readableOutput(lines)).toEqual(lines);
});
