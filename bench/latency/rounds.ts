import { setTimeout as sleep } from "node:timers/promises";
import { OtherPrograms } from "./other-programs.ts";
import { Samples } from "./samples.ts";

/** Something that carries tokens: writes them for a while, and says how long each took when all have arrived. */
export interface Carrier {
  run(perSecond: number, durationMs: number): Promise<Samples>;
  close(): Promise<void>;
}

/** What is measured in turns. */
export interface Compared<Each> {
  /** Raw Kafka. */
  readonly raw: Each;
  /** The hops of the whole path, with nothing of perdure's between them. */
  readonly relay: Each;
  readonly whole: Each;
}

export interface RoundOptions {
  readonly rate: number;
  readonly rounds: number;
  /** Seconds of each in a round. */
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

/** Until the code of all processes is compiled: the broker works on that for a minute, and takes a core for 5 ms at a time. */
const warmUpMs = 20_000;
/** The keeper writes heads 8 s after a session has gone on; that is the path's work, and not to slow the floor. */
const coveredWithinMs = 9_000;
/** A second in which others had more than this of the machine measures them. */
const othersShareMax = 0.05;

/**
 * All of them in turns. Of the seconds of each those count in which other programs let them be, however long they took;
 * where these are fewer than half of what was asked for, the least disturbed ones.
 */
export async function measureRounds(
  { raw, relay, whole }: Compared<Carrier>,
  { rate, rounds, seconds }: RoundOptions,
): Promise<Compared<Measured>> {
  const measured: Compared<Second[]> = { raw: [], relay: [], whole: [] };
  for (const carrier of [raw, relay, whole]) await carrier.run(rate, warmUpMs);
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(coveredWithinMs);
    measured.raw.push(...(await secondsOf(raw, rate, seconds)));
    measured.relay.push(...(await secondsOf(relay, rate, seconds)));
    measured.whole.push(...(await secondsOf(whole, rate, seconds)));
    const soFar = `raw ${lineOf(measured.raw)}; relay ${lineOf(measured.relay)}; whole ${lineOf(measured.whole)}`;
    process.stderr.write(`${rate} tokens/s, round ${round} of ${rounds}: ${soFar}\n`);
  }
  return { raw: quietest(measured.raw), relay: quietest(measured.relay), whole: quietest(measured.whole) };
}

async function secondsOf(carrier: Carrier, rate: number, count: number): Promise<Second[]> {
  const others = new OtherPrograms();
  const made: Second[] = [];
  while (made.length < count) {
    const [samples, othersShare] = await others.during(() => carrier.run(rate, 1_000));
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
