// Appends 0, 1, 2 … to partition 0 of a topic and prints each one when it is acknowledged, until it is killed.
import { openEmbeddedLog } from "../src/index.ts";

const [dir, topic, count] = process.argv.slice(2);
if (dir === undefined || topic === undefined) throw new TypeError("usage: append-until-killed.ts DIR TOPIC COUNT");
const log = await openEmbeddedLog({ dir });
const key = new TextEncoder().encode("key");

await Promise.all(
  Array.from({ length: Number(count) }, async (_unused, at) => {
    // A few at a time, so that the kill comes between commits and inside of them.
    await new Promise((resolve) => setTimeout(resolve, at));
    await log.append(topic, 0, { key, value: new TextEncoder().encode(String(at)) });
    process.stdout.write(`${at}\n`);
  }),
);
