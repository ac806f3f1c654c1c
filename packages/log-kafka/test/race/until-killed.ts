import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface KilledWriter {
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  readonly topic: string;
  /** The first number that it appends. */
  readonly from: number;
  /** It is killed when it has been told of so many. */
  readonly count: number;
}

const SCRIPT = join(import.meta.dirname, "../append-until-killed.ts");

/** Runs a writer until it is killed with -9; the numbers that it said were acknowledged. */
export async function appendUntilKilled({ brokers, topicPrefix, topic, from, count }: KilledWriter): Promise<number[]> {
  const args = [SCRIPT, brokers.join(","), topicPrefix, topic, String(from)];
  const writer = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(writer, "exit");
  const told: number[] = [];
  for await (const line of createInterface(writer.stdout)) {
    told.push(Number(line));
    if (told.length === count) writer.kill("SIGKILL");
  }
  await exited;
  return told;
}
