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
  /** Fencing token: rises with each attempt. */
  readonly attempt: number;
}

export type TruthLine = Attempt &
  (
    | { readonly is: "begin" }
    | { readonly is: "text"; readonly text: string }
    | { readonly is: "end"; readonly finish: string }
  );

export interface Truth {
  begin(attempt: Attempt): void;
  text(attempt: Attempt, text: string): void;
  end(attempt: Attempt, finish: string): void;
  close(): void;
}

/** Appends to the file, which is made where it is missing. The kernel has each line when the call returns. */
export function openTruth(path: string): Truth {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(path, "a", 0o600);
  // A full disk may have cut the last line short.
  writeSync(file, "\n");
  const write = (line: TruthLine): void => {
    writeSync(file, `${JSON.stringify(line)}\n`);
  };
  return {
    begin: (attempt) => write({ is: "begin", ...attempt }),
    text: (attempt, text) => write({ is: "text", ...attempt, text }),
    end: (attempt, finish) => write({ is: "end", ...attempt, finish }),
    close: () => closeSync(file),
  };
}

/** For an analyst that nobody compares. */
export const noTruth: Truth = { begin: () => {}, text: () => {}, end: () => {}, close: () => {} };
