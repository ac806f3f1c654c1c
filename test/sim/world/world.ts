import { Issuer } from "./issuer.ts";
import { Network } from "./network.ts";
import { SimProcess, type Timing } from "./process.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { type Wire, Wires } from "./wire.ts";

/** All that a run simulates around the processes. */
export class World {
  readonly random: Random;
  readonly scheduler = new Scheduler();
  readonly network: Network;
  readonly wires: Wires;
  readonly issuer: Issuer;
  /** Of ids that processes make up. */
  readonly ids: Random;
  /** Told what a simulated part sees that must not be; the invariant stands first. */
  onFault: (fault: string) => void = () => undefined;

  readonly #pauses: Random;
  readonly #timings: Readonly<Record<string, Timing>>;

  /** `timings`: of processes by name; others have the right time. */
  constructor(seed: number, timings: Readonly<Record<string, Timing>> = {}) {
    this.#timings = timings;
    this.random = new Random(`seed ${seed}`);
    this.ids = this.random.stream("ids");
    this.#pauses = this.random.stream("pauses");
    this.network = new Network(this.scheduler, this.random.stream("network"));
    this.wires = new Wires(this.scheduler, this.network, this.random.stream("wires"));
    this.issuer = new Issuer(this.random.stream("issuer"));
  }

  start(name: string): SimProcess {
    return new SimProcess(this.scheduler, name, this.#timings[name]);
  }

  kill(process: SimProcess): void {
    process.kill();
    this.wires.died(process);
  }

  /** As by SIGKILL; once it has been down for so long, it is to be started again. */
  killFor(process: SimProcess | undefined, downMs: number, startAgain: () => void): void {
    if (process?.alive !== true) return;
    this.kill(process);
    this.scheduler.after(downMs, undefined, startAgain);
  }

  /** As by SIGSTOP, and SIGCONT after `forMs`. */
  pauseFor(process: SimProcess | undefined, forMs: number): void {
    if (process?.alive !== true) return;
    const timersFirst = this.#pauses.chance(0.5);
    process.pause();
    this.scheduler.after(forMs, undefined, () => process.resume(timersFirst));
  }
}

let entered: World | undefined;

/** From now on this world is the one that simulated modules are in. */
export function enterWorld(world: World | undefined): void {
  entered = world;
}

/** Throws where no run is going on. */
export function currentWorld(): World {
  if (entered === undefined) throw new Error("no simulation is running");
  return entered;
}

/** A connection is ended for silence: what its peer said may not lie there unread. */
export function judgeSilence({ process, unheardMs }: Wire): void {
  if (unheardMs === 0) return;
  currentWorld().onFault(
    `greeted: ${process.name} ends a connection for silence, on which words have waited ${unheardMs.toFixed(0)} ms`,
  );
}

/** The process whose code runs now. Throws where it is the world's own. */
export function currentProcess(): SimProcess {
  const { current } = currentWorld().scheduler;
  if (current === undefined) throw new Error("this is to be called by a simulated process");
  return current;
}
