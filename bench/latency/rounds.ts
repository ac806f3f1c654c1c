import { setTimeout as sleep } from "node:timers/promises";
import { sharedWithOthers } from "./other-programs.ts";
import { Samples } from "./samples.ts";
import type { Series } from "./series.ts";

/** Something that carries tokens: writes them for a while, and waits until all have arrived. */
export interface Carrier {
  run(perSecond: number, durationMs: number): Promise<Series>;
}

export interface Compared {
  readonly floor: Carrier;
  readonly path: Carrier;
}

export interface RoundOptions {
  readonly rate: number;
  /** Rounds that count. */
  readonly rounds: number;
  readonly roundMs: number;
}

/** What one round, or several together, have measured. */
export interface Measured {
  readonly raw: Samples;
  readonly whole: Samples;
  /** The most that other programs had of the processors in a round. */
  readonly othersShare: number;
}

/** Until the code of all processes is compiled: the broker alone works on that for some twenty seconds. */
const warmUpMs = 12_000;
/** The keeper writes heads 8 s after a session has gone on; that is the path's work, and not to slow the floor. */
const coveredWithinMs = 9_000;
/** A round in which others had more than this of the machine is made again: it would measure them. */
const othersShareMax = 0.05;
const triesPerRound = 2;

/** Raw Kafka and the whole path in turns. Of disturbed rounds those count that others disturbed least. */
export async function measureRounds(compared: Compared, options: RoundOptions): Promise<Measured> {
  const { rate, rounds } = options;
  await compared.floor.run(rate, warmUpMs);
  await compared.path.run(rate, warmUpMs);
  const made: Measured[] = [];
  const isQuiet = ({ othersShare }: Measured): boolean => othersShare <= othersShareMax;
  while (made.filter(isQuiet).length < rounds && made.length < rounds * triesPerRound) {
    const round = await measureRound(compared, options);
    made.push(round);
    process.stderr.write(`${rate} tokens/s, round ${made.length}: ${lineOf(round)}\n`);
  }
  const kept = made.toSorted((a, b) => a.othersShare - b.othersShare).slice(0, rounds);
  return kept.reduce(together);
}

async function measureRound({ floor, path }: Compared, { rate, roundMs }: RoundOptions): Promise<Measured> {
  await sleep(coveredWithinMs);
  const [raw, besideRaw] = await sharedWithOthers(() => floor.run(rate, roundMs));
  const [whole, besideWhole] = await sharedWithOthers(() => path.run(rate, roundMs));
  return { raw: raw.samples, whole: whole.samples, othersShare: Math.max(besideRaw, besideWhole) };
}

function together(some: Measured, more: Measured): Measured {
  const raw = new Samples();
  const whole = new Samples();
  for (const each of [some, more]) {
    raw.addAll(each.raw);
    whole.addAll(each.whole);
  }
  return { raw, whole, othersShare: Math.max(some.othersShare, more.othersShare) };
}

function lineOf({ raw, whole, othersShare }: Measured): string {
  const [rawMs, wholeMs] = [raw.summary(), whole.summary()].map(
    ({ p50Ms, p99Ms }) => `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
  );
  return `raw ${rawMs}; path ${wholeMs}; others had ${(othersShare * 100).toFixed(0)} % of the machine`;
}
