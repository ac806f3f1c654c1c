// One real broker for all system tests of a run, found by them in KAFKA_BROKERS; one that is set there is used as it is.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBroker } from "../../tools/kafka/broker.ts";
import { brokerAnswers } from "../../tools/kafka/probe.ts";

/** Run by vitest before the first system test; what it returns runs after the last one. */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  const existing = process.env["KAFKA_BROKERS"];
  if (existing !== undefined) {
    const answers = await Promise.all(existing.split(",").map((bootstrap) => brokerAnswers(bootstrap.trim())));
    if (!answers.includes(true)) throw new Error(`KAFKA_BROKERS is set, and nothing answers at ${existing}`);
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), "perdure-test-broker-"));
  const broker = await startBroker({ dir });
  process.env["KAFKA_BROKERS"] = broker.bootstrap;
  return async () => {
    await broker.stop();
    rmSync(dir, { recursive: true, force: true });
  };
}
