import { RULE_BOOK, type RuleBook } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { createLogger } from "@perdure/service-kit";
import { SimLog } from "../log/sim-log.ts";
import type { Broker } from "../log/broker.ts";
import type { SimProcess } from "../world/process.ts";
import type { World } from "../world/world.ts";

export const logger = createLogger({ service: "sim", node: "sim", level: process.env["SIM_LOG_LEVEL"] ?? "silent" });

/** What a node of a run can be made of. */
export interface NodeParts {
  readonly world: World;
  readonly broker: Broker;
  readonly partitions: number;
  readonly process: SimProcess;
  readonly log: SimLog;
  /** The rules that its code knows. */
  readonly book: RuleBook;
  /** The node is to stop: somebody else has its name. */
  readonly onReplaced: () => void;
}

/** A service that runs, as far as a run has to know. */
export interface RunningNode {
  stop(): Promise<void>;
}

export type StartNode = (parts: NodeParts) => Promise<RunningNode>;

const RESTART_MS = 1_000;
/** How long a node has to stop for its upgrade, and how long until it starts again. */
const UPGRADE_MS = 1_500;

/** A node that is started again whenever it dies, under the same name. */
export class SimNode {
  readonly name: string;
  readonly #world: World;
  readonly #broker: Broker;
  readonly #partitions: number;
  readonly #start: StartNode;
  #process: SimProcess | undefined;
  #running: RunningNode | undefined;
  #lives = 0;
  #book = RULE_BOOK;
  /** It may not start before this. */
  #notBeforeMs = 0;

  constructor(name: string, world: World, broker: Broker, partitions: number, start: StartNode) {
    this.name = name;
    this.#world = world;
    this.#broker = broker;
    this.#partitions = partitions;
    this.#start = start;
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** Starts it, unless it runs. */
  start(): void {
    if (this.#process?.alive === true) return;
    this.#lives += 1;
    const process = this.#world.start(this.name);
    this.#process = process;
    const random = this.#world.random.stream(`${this.name} life ${this.#lives}`);
    const { network } = this.#world;
    const log = new SimLog({ process, broker: this.#broker, network, random });
    const parts = {
      world: this.#world,
      broker: this.#broker,
      partitions: this.#partitions,
      process,
      log,
      book: this.#book,
    };
    const onReplaced = (): void => this.#diedOf(process);
    process.after(0, () => {
      this.#start({ ...parts, onReplaced }).then(
        (running) => {
          if (this.#process === process) this.#running = running;
        },
        () => this.#diedOf(process),
      );
    });
  }

  /** As by SIGKILL; it begins again after `downMs`. */
  kill(downMs: number): void {
    if (this.#process?.alive !== true) return;
    this.#running = undefined;
    this.#notBeforeMs = this.#world.scheduler.nowMs + downMs;
    this.#world.killFor(this.#process, downMs, () => this.#startAgain());
  }

  /** As by SIGTERM: it stops in good order, and is killed where that takes too long. */
  stop(withinMs: number, downMs: number): void {
    const process = this.#process;
    const running = this.#running;
    if (process?.alive !== true || running === undefined) return;
    const over = (): void => {
      if (this.#process === process) this.kill(downMs);
    };
    process.after(0, () => void running.stop().then(over, over));
    this.#world.scheduler.after(withinMs, undefined, over);
  }

  /** From its next start on it runs code that knows the next rules; it is stopped for that. */
  upgrade(): void {
    if (this.#book === NEXT_RULE_BOOK) return;
    this.#book = NEXT_RULE_BOOK;
    // One that has not begun to run yet has nothing to stop.
    if (this.#running === undefined) this.kill(UPGRADE_MS);
    else this.stop(UPGRADE_MS, UPGRADE_MS);
  }

  #startAgain(): void {
    if (this.#world.scheduler.nowMs >= this.#notBeforeMs) this.start();
  }

  #diedOf(process: SimProcess): void {
    if (this.#process === process) this.#world.scheduler.after(0, undefined, () => this.kill(RESTART_MS));
  }
}
