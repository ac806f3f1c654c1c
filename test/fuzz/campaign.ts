// Runs cases against every target, counts how they were answered, and keeps what should not have happened.
import { createHash } from "node:crypto";
import { Random } from "./random.ts";
import type { Target } from "./target.ts";
import { agentMessages } from "./targets/agents.ts";
import { clientFrames } from "./targets/frames.ts";
import { records } from "./targets/records.ts";
import { serverFrames } from "./targets/server-frames.ts";
import { stored } from "./targets/stored.ts";

export const TARGETS: readonly Target[] = [records, clientFrames, agentMessages, stored, serverFrames];

/** Inputs that led to a fault, the last of them to the fault itself. */
export interface Finding {
  readonly target: string;
  readonly fault: string;
  /** Base64. */
  readonly inputs: readonly string[];
}

export interface Outcome {
  readonly cases: number;
  /** Target -> word or code -> how often. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly findings: readonly Finding[];
  /** How long the slowest answer took, in milliseconds. */
  readonly slowestMs: number;
}

const FINDINGS_MAX = 20;

/** Tries `cases` inputs, in episodes that each begin with nothing. The same seed tries the same. */
export function campaign(seed: number, cases: number, onEpisode: (done: number) => void = () => undefined): Outcome {
  const counts = new Map<string, Map<string, number>>();
  const findings = new Map<string, Finding>();
  let done = 0;
  let slowestMs = 0;
  for (let episode = 0; done < cases && findings.size < FINDINGS_MAX; episode += 1) {
    const target = TARGETS[episode % TARGETS.length] ?? records;
    const random = new Random(Math.imul(seed, 0x9e37_79b1) ^ episode);
    const { tried, finding, ...episodes } = runEpisode(target, random, countsOf(counts, target), cases - done);
    done += tried;
    slowestMs = Math.max(slowestMs, episodes.slowestMs);
    if (finding !== undefined && !findings.has(finding.fault)) findings.set(finding.fault, smaller(target, finding));
    onEpisode(done);
  }
  return { cases: done, counts, findings: [...findings.values()], slowestMs };
}

const countsOf = (counts: Map<string, Map<string, number>>, { name }: Target): Map<string, number> => {
  const own = counts.get(name) ?? new Map<string, number>();
  counts.set(name, own);
  return own;
};

interface Episode {
  readonly tried: number;
  readonly slowestMs: number;
  readonly finding?: Finding;
}

function runEpisode(target: Target, random: Random, counts: Map<string, number>, most: number): Episode {
  const subject = target.create();
  const inputs: Uint8Array[] = [];
  let slowestMs = 0;
  for (const input of target.inputs(random, subject)) {
    if (inputs.length >= most) break;
    inputs.push(input);
    const startedMs = performance.now();
    try {
      const answer = subject.take(input);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    } catch (error) {
      return { tried: inputs.length, slowestMs, finding: findingOf(target, inputs, faultOf(error)) };
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
  }
  return { tried: inputs.length, slowestMs };
}

const findingOf = ({ name }: Target, inputs: readonly Uint8Array[], fault: string): Finding => ({
  target: name,
  fault,
  inputs: inputs.map((input) => Buffer.from(input).toString("base64")),
});

const faultOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}${placeOf(error)}` : String(error);

const placeOf = ({ stack = "" }: Error): string =>
  / at .*\((?:.*\/)?([^/]+:\d+):\d+\)/.exec(stack)?.[1]?.replace(/^/, " at ") ?? "";

/** The fault that a finding's inputs lead to; undefined: none any more. */
export function replay({ target: name, inputs }: Pick<Finding, "target" | "inputs">): string | undefined {
  const target = TARGETS.find((other) => other.name === name);
  if (target === undefined) throw new Error(`no target is called ${name}`);
  const subject = target.create();
  try {
    for (const input of inputs) subject.take(Buffer.from(input, "base64"));
    return undefined;
  } catch (error) {
    return faultOf(error);
  }
}

/** Without the inputs that the fault does not need. */
function smaller(target: Target, finding: Finding): Finding {
  let { inputs } = finding;
  for (let size = Math.ceil(inputs.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < inputs.length;) {
      const fewer = inputs.toSpliced(start, size);
      if (replay({ target: target.name, inputs: fewer }) === finding.fault) inputs = fewer;
      else start += size;
    }
  }
  return { ...finding, inputs };
}

/** Of a finding: the same for the same inputs. */
export const fileNameOf = ({ target, inputs }: Finding): string =>
  `${target.replaceAll(/\W+/g, "-")}-${createHash("sha256").update(inputs.join(",")).digest("hex").slice(0, 8)}.json`;
