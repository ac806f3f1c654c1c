// Appends numbered entries from a number on, says each that was acknowledged, and goes on until it is killed.
import { openKafkaLog } from "../src/index.ts";

const [brokers, topicPrefix, topic, from] = process.argv.slice(2);
if (brokers === undefined || topicPrefix === undefined || topic === undefined || from === undefined) {
  throw new TypeError("usage: append-until-killed.ts BROKERS PREFIX TOPIC FROM");
}
const IN_FLIGHT = 8;
const log = await openKafkaLog({ brokers: brokers.split(","), topicPrefix });
const encoder = new TextEncoder();

let told = Promise.resolve();
for (let number = Number(from); ; number += IN_FLIGHT) {
  const appends = Array.from({ length: IN_FLIGHT }, (_, index) => {
    const text = `0:${number + index}`;
    return log.append(topic, 0, { key: encoder.encode("0"), value: encoder.encode(text) });
  });
  for (const [index, append] of appends.entries()) {
    told = told.then(async () => {
      await append;
      process.stdout.write(`${number + index}\n`);
    });
  }
  await told;
}
