/**
 * What the agent really produced, in a file that only grows: one JSON line a token, written before the token goes
 * anywhere else. A killed process loses none of it, so that what screens show can be held against it.
 */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** One attempt at a run. */
export interface Attempt {
  readonly session: string;
  readonly run: string;
  /** Rises with each attempt. */
  readonly attempt: number;
}

/** `step` is a part of the answer: a later attempt writes those again that are not `done`. */
export type TruthLine = Attempt &
  (
    | { readonly is: "attempt" }
    | { readonly is: "begin" | "done"; readonly step: string }
    | { readonly is: "text"; readonly step: string; readonly text: string }
    | { readonly is: "end"; readonly finish: "completed" | "cancelled" | "failed" }
  );

export interface Truth {
  /** The kernel has the line when this returns. */
  write(line: TruthLine): void;
  close(): void;
}

/** Appends to the file, which is made where it is missing. */
export function openTruth(path: string): Truth {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, "a", 0o600);
  // A full disk may have cut the last line short.
  writeSync(file, "\n");
  return {
    write: (line) => void writeSync(file, `${JSON.stringify(line)}\n`),
    close: () => closeSync(file),
  };
}

/** For an analyst that nobody compares. */
export const noTruth: Truth = { write: () => {}, close: () => {} };
