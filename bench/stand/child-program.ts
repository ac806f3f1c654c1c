import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { end } from "./service-process.ts";

/** A program of the bench in a process of its own, which answers each message with one. */
export class ChildProgram<Asked extends object, Answered> {
  readonly #child: ChildProcess;

  /** `flags`: Node's. */
  constructor(program: URL, flags: readonly string[] = []) {
    this.#child = fork(fileURLToPath(program), { execArgv: [...flags] });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(message: Asked): Promise<Answered> {
    const answer = this.next();
    this.#child.send(message);
    return answer;
  }

  /** What it says next. Rejects where it ends instead. */
  next(): Promise<Answered> {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const onExit = (): void => reject(new Error("a program of the bench ended: see the messages above"));
    this.#child.once("exit", onExit);
    this.#child.once("message", (message: Answered) => {
      this.#child.off("exit", onExit);
      resolve(message);
    });
    return promise;
  }

  async close(): Promise<void> {
    await end(this.#child);
  }
}
