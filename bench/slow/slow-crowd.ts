import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("slow-readers.py", import.meta.url));

/** Clients that take little, in a process of their own; python3 runs it. */
export class SlowCrowd {
  readonly #child: ChildProcess;
  readonly #answers: Interface;
  readonly #ended: Promise<never>;

  constructor(port: number, session: string, token: string) {
    this.#child = spawn("python3", [program, String(port), session], { stdio: ["pipe", "pipe", "inherit"] });
    if (this.#child.stdout === null) throw new Error("no output of python3");
    this.#answers = createInterface(this.#child.stdout);
    this.#ended = once(this.#child, "exit").then(() => {
      throw new Error("the slow readers ended: see the messages above");
    });
    this.#ended.catch(() => undefined);
    this.#child.stdin?.write(`${token}\n`);
  }

  async open(count: number): Promise<void> {
    await this.#ask(`open ${count}`);
  }

  /** From now on each takes so many bytes a second. */
  async trickle(bytesPerSecond: number): Promise<void> {
    await this.#ask(`trickle ${bytesPerSecond}`);
  }

  /** All take everything until each has caught up. */
  async drain(): Promise<void> {
    await this.#ask("drain");
  }

  async disconnect(): Promise<void> {
    await this.#ask("close");
  }

  async end(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
  }

  async #ask(command: string): Promise<void> {
    this.#child.stdin?.write(`${command}\n`);
    await Promise.race([once(this.#answers, "line"), this.#ended]);
  }
}
