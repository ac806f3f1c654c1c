import type { KeeperTuning } from "../cluster/services.ts";
import type { Timing } from "../world/process.ts";
import { Random } from "../world/random.ts";
import { BACKENDS, type Deed, NODES, PEOPLE, SESSIONS, type Step, WORKERS } from "./deeds.ts";
import { greetingsOf } from "./greetings.ts";

const ALL = [...NODES, ...PEOPLE, ...WORKERS, ...BACKENDS];

/** A run as data: all that is chosen beforehand. What chance decides on the way comes from the seed. */
export interface Plan {
  readonly seed: number;
  readonly partitions: number;
  readonly activeMs: number;
  readonly keeper: KeeperTuning;
  readonly ringRecords: number;
  readonly recentRecords: number;
  readonly doubleRate: number;
  /** By process: what its clock says. */
  readonly timings: Readonly<Record<string, Timing>>;
  readonly brokerSkewMs: number;
  /** How long a token is good, in seconds. */
  readonly tokenLifeS: number;
  /** Share of checkpoints that the broker refuses or leaves in doubt, and of reads that take long. */
  readonly troubleRate: number;
  readonly steps: readonly Step[];
}

/** How far a clock goes wrong at most: far more than real ones do, and less than what leases and grace times allow for. */
const DRIFT = 0.03;
/** Time for everybody to start before the first step. */
const START_MS = 4_000;

export function planOf(seed: number): Plan {
  const random = new Random(`plan ${seed}`);
  const activeMs = random.between(15_000, 40_000);
  // Of its own, so that what else is done stays as it is.
  const greetings = new Random(`greetings ${seed}`);
  const rolls = random.chance(0.3);
  const skewed = random.chance(0.5);
  const drifts = random.chance(0.4);
  const rateOf = (): number => (drifts ? random.between(1 - DRIFT, 1 + DRIFT) : 1);
  const skewOf = (): number => (skewed ? Math.round(random.between(-4_000, 4_000)) : 0);
  return {
    seed,
    partitions: 1 + random.below(3),
    activeMs,
    keeper: keeperOf(random),
    ringRecords: random.of([20, 200, 100_000]),
    recentRecords: random.of([4, 24, 2_048]),
    doubleRate: random.of([0, 0.2, 0.6]),
    timings: Object.fromEntries(ALL.map((name) => [name, { skewMs: skewOf(), rate: rateOf() }])),
    brokerSkewMs: skewOf(),
    tokenLifeS: greetings.of([30, 1_000_000, 1_000_000]),
    troubleRate: random.of([0, 0, 0.15, 0.4]),
    steps: stepsOf(random, activeMs, [
      ...(rolls ? rollOut(random, activeMs) : []),
      ...greetingsOf(greetings, activeMs),
    ]),
  };
}

function keeperOf(random: Random): KeeperTuning {
  return {
    checkpointMs: random.of([300, 1_000, 4_000, 8_000]),
    checkpointBytes: random.of([2_000, 8 * 1024 * 1024]),
    checkpointBatchBytes: random.of([1_000, 4 * 1024 * 1024]),
    eventsKeptMs: random.of([0, 500, 4_000, 60_000]),
    trimMs: random.of([500, 2_000, 10_000]),
    sessionIdleMs: random.of([500, 5_000, 60_000]),
    sessionsKept: random.of([0, 2, 2_000]),
  };
}

/** A rolling change to code that knows the next rules, one node after the other. */
function rollOut(random: Random, activeMs: number): Step[] {
  const beginMs = random.between(START_MS, activeMs);
  const everyMs = random.between(500, 4_000);
  const order = NODES.map((who) => ({ who, at: random.next() })).toSorted((one, other) => one.at - other.at);
  return order.map(({ who }, turn) => ({ kind: "upgrade", who, atMs: Math.round(beginMs + turn * everyMs) }));
}

function stepsOf(random: Random, activeMs: number, also: readonly Step[]): Step[] {
  const work = Array.from({ length: 20 + random.below(60) }, () => workOf(random));
  const faults = Array.from({ length: random.below(14) }, () => faultOf(random));
  const at = (deed: Deed): Step => ({ ...deed, atMs: Math.round(random.between(START_MS, activeMs)) });
  return [...[...work, ...faults].map(at), ...also].toSorted((one, other) => one.atMs - other.atMs);
}

/** Whether the nodes of a plan come to know the next rules. */
export const isRolling = ({ steps }: Plan): boolean => steps.some(({ kind }) => kind === "upgrade");

function workOf(random: Random): Deed {
  const session = random.of(SESSIONS);
  const choice = random.below(30);
  if (choice >= 24) return taskOf(random, session);
  if (choice >= 22) return { kind: "flap", who: random.of(PEOPLE), session, times: 4 + 2 * random.below(6) };
  if (choice >= 20) return { kind: "haunt", who: random.of(BACKENDS), session };
  if (choice < 10) return { kind: "write", who: random.of(BACKENDS), session, length: random.of([0, 1, 5, 60]) };
  if (choice < 16) {
    const who = random.of(["ann", "bea", "op"]);
    const toStaff = who === "op" && random.chance(0.4);
    return { kind: "say", who, session, asks: !toStaff && random.chance(0.6), length: random.of([1, 5, 60]), toStaff };
  }
  if (choice < 18) {
    return { kind: "signal", who: random.of(["ann", "bea"]), signal: random.of(["cancel", "steer", "pause"]) };
  }
  return { kind: "toggle", who: random.of(PEOPLE), session };
}

function taskOf(random: Random, session: string): Deed {
  const task = random.of(["floor", "human", "count", "count", "note", "note", "budget"] as const);
  const who = task === "floor" || task === "budget" ? "op" : random.of(["ann", "bea", "op"]);
  return { kind: "work", who, session, task };
}

function faultOf(random: Random): Deed {
  const choice = random.below(24);
  if (choice >= 20) {
    return { kind: "sever", who: random.of([...PEOPLE, ...WORKERS]), forMs: Math.round(random.between(50, 9_000)) };
  }
  if (choice < 6) return { kind: "kill", who: random.of(ALL), downMs: Math.round(random.between(50, 9_000)) };
  if (choice < 7) return { kind: "stop", who: random.of(NODES), withinMs: 3_000, downMs: 500 };
  if (choice < 11) return { kind: "pause", who: random.of(ALL), forMs: Math.round(random.between(50, 14_000)) };
  if (choice < 15) {
    const one = random.of(ALL);
    const other = random.chance(0.6) ? "broker" : random.of(NODES);
    return { kind: "cut", one, other, forMs: Math.round(random.between(100, 12_000)) };
  }
  if (choice < 17) {
    const forMs = Math.round(random.between(500, 6_000));
    return { kind: "storm", lossRate: random.of([0, 0.1, 0.3]), slowMs: random.of([50, 600]), forMs };
  }
  return { kind: "compact", topic: random.of(["index", "heads", "pages", "nodes"]) };
}
