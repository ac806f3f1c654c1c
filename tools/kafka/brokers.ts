// Several real brokers on this machine that are one cluster: each is broker and controller, all on loopback.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Broker, freePorts, startBroker } from "./broker.ts";
import { brokersKnown } from "./probe.ts";

const formLimitMs = 60_000;

export interface BrokersOptions {
  /** Each broker has a folder in it, named by its node id; kept by the caller. */
  readonly dir: string;
  readonly count: number;
  /** Ports for clients on 127.0.0.1, one a broker; free ones where absent. */
  readonly ports?: readonly number[];
  /** True: they outlive this process. */
  readonly detached?: boolean;
  /** Further settings of a broker, in Kafka's own names. */
  readonly properties?: (nodeId: number) => Readonly<Record<string, string>>;
}

export interface Brokers {
  readonly nodes: readonly Broker[];
  /** `host:port` of each, separated by commas. */
  readonly bootstrap: string;
  /** Waits until each of them knows all: from then on what needs that many copies can be made. */
  formed(): Promise<void>;
  /** Ends all of them as a crash would. */
  kill(): Promise<void>;
}

/** Starts brokers and waits until they are a cluster; throws where they are not within a minute. */
export async function startBrokers({ dir, count, ports, detached, properties }: BrokersOptions): Promise<Brokers> {
  // All at once: two that each choose for themselves may choose the same.
  const free = await freePorts(2 * count);
  const voters = free.slice(count).map((controllerPort, index) => ({ nodeId: index + 1, controllerPort }));
  const starting = voters.map(({ nodeId, controllerPort }, index) =>
    startBroker({
      dir: join(dir, String(nodeId)),
      nodeId,
      port: ports?.[index] ?? free[index] ?? 0,
      controllerPort,
      voters,
      waits: false,
      ...(detached !== undefined && { detached }),
      ...(properties && { properties: properties(nodeId) }),
    }),
  );
  const begun = await Promise.allSettled(starting);
  const nodes = begun.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  const brokers = new RunningBrokers(nodes);
  try {
    await Promise.all(starting);
    await brokers.formed();
    return brokers;
  } catch (error) {
    await brokers.kill();
    throw error;
  }
}

class RunningBrokers implements Brokers {
  readonly nodes: readonly Broker[];

  constructor(nodes: readonly Broker[]) {
    this.nodes = nodes;
  }

  get bootstrap(): string {
    return this.nodes.map(({ bootstrap }) => bootstrap).join(",");
  }

  async formed(): Promise<void> {
    const limitMs = performance.now() + formLimitMs;
    for (const { bootstrap } of this.nodes) {
      while ((await brokersKnown(bootstrap)) < this.nodes.length) {
        if (performance.now() > limitMs) throw new Error(`the brokers ${this.bootstrap} did not become a cluster`);
        await sleep(100);
      }
    }
  }

  async kill(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}
