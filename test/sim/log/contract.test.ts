import type { OpenOptions } from "@perdure/log/contract";
import { logContract } from "@perdure/log/contract";
import { afterAll } from "vitest";
import { Network } from "../world/network.ts";
import { SimProcess } from "../world/process.ts";
import { Random } from "../world/random.ts";
import { Scheduler } from "../world/scheduler.ts";
import { Broker } from "./broker.ts";
import { SimLog } from "./sim-log.ts";

const scheduler = new Scheduler();
const random = new Random("contract");
const network = new Network(scheduler, random.stream("network"));
/** The suite compares the log's time with this machine's. */
class BrokerOfThisTime extends Broker {
  override get nowMs(): number {
    return Date.now();
  }
}
const broker = new BrokerOfThisTime(scheduler, random.stream("broker"));
let processes = 0;
const ended = new AbortController();
/** So much of the simulated time at once. */
const PASS_MS = 5;

/** Simulated time passes as fast as it can while the suite waits. */
async function pass(): Promise<void> {
  while (!ended.signal.aborted) {
    await scheduler.runUntil(scheduler.nowMs + PASS_MS);
  }
}
void pass();
afterAll(() => {
  ended.abort();
});

function open({ limits = {} }: OpenOptions = {}): Promise<SimLog> {
  processes += 1;
  const process = new SimProcess(scheduler, `process-${processes}`);
  return Promise.resolve(new SimLog({ process, broker, network, random: random.stream(process.name), limits }));
}

logContract("simulated log", {
  open,
  async appendThroughKill(topic, count) {
    processes += 1;
    const process = new SimProcess(scheduler, `process-${processes}`);
    const log = new SimLog({ process, broker, network, random: random.stream(process.name) });
    const acknowledged: number[] = [];
    const killed = Promise.withResolvers<void>();
    for (let value = 0; value < count; value += 1) {
      const bytes = new TextEncoder().encode(String(value));
      void log.append(topic, 0, { key: bytes.slice(0, 0), value: bytes }).then(() => {
        acknowledged.push(value);
        if (acknowledged.length < count / 2) return;
        process.kill();
        killed.resolve();
      });
    }
    await killed.promise;
    return acknowledged;
  },
});
