// A process of a chaos run that is killed, frozen and started again.
import type { Broker } from "../../tools/kafka/broker.ts";
import { brokersKnown } from "../../tools/kafka/probe.ts";
import { Program } from "../support/program.ts";
import type { ServerSpec } from "../support/server-specs.ts";
import { until } from "../support/until.ts";

export interface Mortal {
  readonly name: string;
  readonly kind: string;
  readonly pid: number;
  kill(): Promise<void>;
  /** Starts it again, and waits until it works. */
  revive(): Promise<void>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

// So that each can say what it still holds on to.
const TELLS_HANDLES = ["--import", new URL("tell-handles.ts", import.meta.url).href];

export class MortalProgram implements Mortal {
  readonly name: string;
  readonly kind: string;
  readonly #spec: ServerSpec;
  /** What its earlier lives printed. */
  readonly #printed: string[] = [];
  #program: Program;

  constructor(kind: string, name: string, spec: ServerSpec) {
    this.kind = kind;
    this.name = name;
    this.#spec = spec;
    this.#program = this.#run();
  }

  get pid(): number {
    return this.#program.pid;
  }

  get program(): Program {
    return this.#program;
  }

  get output(): string {
    return [...this.#printed, this.#program.output].join("\n--- killed, and started again\n");
  }

  async kill(): Promise<void> {
    await this.#program.kill();
  }

  async revive(): Promise<void> {
    this.#printed.push(this.#program.output);
    this.#program = this.#run();
    await this.works();
  }

  async works(): Promise<void> {
    const program = this.#program;
    await until(`${this.name} working`, async () => {
      if (!program.running) throw new Error(`${this.name} ended, and printed:\n${program.tail}`);
      return this.#spec.ready(program);
    });
  }

  freeze(): void {
    this.#program.freeze();
  }

  thaw(): void {
    this.#program.thaw();
  }

  stop(): Promise<void> {
    return this.#program.stop();
  }

  #run(): Program {
    const { args, env } = this.#spec;
    return new Program({ name: this.name, args: [...TELLS_HANDLES, ...args], env });
  }
}

export class MortalBroker implements Mortal {
  readonly kind = "broker";
  readonly name: string;
  readonly #broker: Broker;

  constructor(name: string, broker: Broker) {
    this.name = name;
    this.#broker = broker;
  }

  get pid(): number {
    return this.#broker.pid;
  }

  kill(): Promise<void> {
    return this.#broker.kill();
  }

  async revive(): Promise<void> {
    await this.#broker.restart();
    await until(`${this.name} working`, async () => (await brokersKnown(this.#broker.bootstrap)) > 0);
  }

  freeze(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  thaw(): void {
    process.kill(this.pid, "SIGCONT");
  }

  stop(): Promise<void> {
    return this.#broker.kill();
  }
}
