// Somebody on a device of another make: examples/python, in a process of its own.
import { join } from "node:path";
import { findPython } from "../../tools/python/environment.ts";
import { Program, ROOT } from "./program.ts";
import { until } from "./until.ts";

export interface PythonOptions {
  readonly url: string;
  readonly token: string;
  readonly session: string;
  /** Begins the session with this, and asks this agent. */
  readonly asks?: readonly [text: string, agent: string];
}

/** What it printed: all that it knows of the session. */
interface Seen {
  readonly seq: number;
  /** How it was brought up to date, each time. */
  readonly attached: readonly string[];
  readonly runs: Readonly<Record<string, string>>;
  readonly messages: readonly { readonly id: string; readonly role: string; readonly text: string }[];
}

const NOTHING: Seen = { seq: 0, attached: [], runs: {}, messages: [] };

export class PythonFollower {
  readonly program: Program;

  constructor({ url, token, session, asks }: PythonOptions) {
    const say = asks === undefined ? [] : ["--say", asks[0], "--agent", asks[1]];
    this.program = new Program({
      name: "python",
      command: findPython(),
      args: [join(ROOT, "examples/python/follow.py"), url, session, ...say],
      env: { PERDURE_TOKEN: token },
    });
  }

  get seen(): Seen {
    const { output } = this.program;
    const end = output.lastIndexOf("\n");
    const line = output.slice(output.lastIndexOf("\n", end - 1) + 1, Math.max(end, 0));
    if (line === "") return NOTHING;
    const value: unknown = JSON.parse(line);
    if (!isSeen(value)) throw new Error(`not what it knows: ${line}`);
    return value;
  }

  /** Resolves when what it knows is as wanted. */
  sees(what: string, wanted: (seen: Seen) => boolean): Promise<boolean> {
    return until(
      () => `python seeing ${what}; it printed:\n${this.program.tail.slice(-2_000)}`,
      () => wanted(this.seen),
    );
  }
}

const isSeen = (value: unknown): value is Seen =>
  typeof value === "object" && value !== null && "messages" in value && "attached" in value;
