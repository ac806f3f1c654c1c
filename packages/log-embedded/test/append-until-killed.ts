// Appends 0, 1, 2 … to partition 0 of a topic and prints each one when it is acknowledged, until it is killed or done.
// A fourth argument pads each value to so many bytes. A refusal is told on stderr by its code, and ends it.
import { LogError } from "@perdure/log";
import { openEmbeddedLog } from "../src/index.ts";

const [dir, topic, count, bytes] = process.argv.slice(2);
if (dir === undefined || topic === undefined)
  throw new TypeError("usage: append-until-killed.ts DIR TOPIC COUNT [BYTES]");
const log = await openEmbeddedLog({ dir });
const key = new TextEncoder().encode("key");

async function append(at: number): Promise<void> {
  // A few at a time, so that a kill comes between commits and inside of them.
  await new Promise((resolve) => setTimeout(resolve, at / 2));
  await log.append(topic ?? "", 0, {
    key,
    value: new TextEncoder().encode(String(at).padEnd(Number(bytes ?? 0), " ")),
  });
  process.stdout.write(`${at}\n`);
}

const outcomes = await Promise.allSettled(Array.from({ length: Number(count) }, (_unused, at) => append(at)));
const refusal = outcomes.find((outcome) => outcome.status === "rejected");
if (refusal !== undefined) {
  const reason: unknown = refusal.reason;
  process.stderr.write(`${reason instanceof LogError ? reason.code : String(reason)}\n`);
}
process.exit();
