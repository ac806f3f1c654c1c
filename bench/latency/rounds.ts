import { setTimeout as sleep } from "node:timers/promises";
import { OtherPrograms } from "./other-programs.ts";
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
  readonly rounds: number;
  /** Seconds of the floor, and then of the path, in each round. */
  readonly seconds: number;
}

/** Seconds that count, with what they measured. */
export interface Measured {
  readonly samples: Samples;
  readonly seconds: number;
  /** The most that other programs had of the processors in one of them. */
  readonly othersShare: number;
}

interface Second {
  readonly samples: Samples;
  readonly othersShare: number;
}

/** Until the code of all processes is compiled: the broker alone works on that for some twenty seconds. */
const warmUpMs = 12_000;
/** The keeper writes heads 8 s after a session has gone on; that is the path's work, and not to slow the floor. */
const coveredWithinMs = 9_000;
/** A second in which others had more than this of the machine measures them. */
const othersShareMax = 0.05;

/**
 * Raw Kafka and the whole path in turns. Of the seconds of each those count in which other programs let them be, however
 * long they took; where these are fewer than half of what was asked for, the least disturbed ones.
 */
export async function measureRounds(
  { floor, path }: Compared,
  { rate, rounds, seconds }: RoundOptions,
): Promise<{ raw: Measured; whole: Measured }> {
  await floor.run(rate, warmUpMs);
  await path.run(rate, warmUpMs);
  const raw: Second[] = [];
  const whole: Second[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(coveredWithinMs);
    raw.push(...(await secondsOf(floor, rate, seconds)));
    whole.push(...(await secondsOf(path, rate, seconds)));
    process.stderr.write(`${rate} tokens/s, round ${round} of ${rounds}: raw ${lineOf(raw)}; path ${lineOf(whole)}\n`);
  }
  return { raw: quietest(raw), whole: quietest(whole) };
}

async function secondsOf(carrier: Carrier, rate: number, count: number): Promise<Second[]> {
  const others = new OtherPrograms();
  const made: Second[] = [];
  while (made.length < count) {
    const [{ samples }, othersShare] = await others.during(() => carrier.run(rate, 1_000));
    made.push({ samples, othersShare });
  }
  return made;
}

function quietest(all: readonly Second[]): Measured {
  const sorted = all.toSorted((a, b) => a.othersShare - b.othersShare);
  const quietCount = sorted.filter(({ othersShare }) => othersShare <= othersShareMax).length;
  const kept = sorted.slice(0, Math.max(quietCount, Math.ceil(all.length / 2)));
  const samples = new Samples();
  for (const second of kept) samples.addAll(second.samples);
  return { samples, seconds: kept.length, othersShare: kept.at(-1)?.othersShare ?? 0 };
}

function lineOf(seconds: readonly Second[]): string {
  const { samples, seconds: count, othersShare } = quietest(seconds);
  const { p50Ms, p99Ms } = samples.summary();
  const others = `others had up to ${(othersShare * 100).toFixed(0)} % in the ${count} s that count`;
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms (${others})`;
}
