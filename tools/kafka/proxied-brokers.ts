// Brokers that are reached only through proxies, one each: by their clients, and by one another.
import { TcpProxy } from "../proxy/tcp-proxy.ts";
import { freePorts } from "./broker.ts";
import { type Brokers, startBrokers } from "./brokers.ts";

export interface ProxiedBrokersOptions {
  readonly dir: string;
  readonly count: number;
  /** From [0, 1): which connections are hit, and where they are cut. */
  readonly random?: () => number;
}

export interface ProxiedBrokers {
  readonly brokers: Brokers;
  /** In the order of the brokers. */
  readonly proxies: readonly TcpProxy[];
  /** `host:port` of each proxy. */
  readonly addresses: readonly string[];
  /** Ends all of them as a crash would. */
  kill(): Promise<void>;
}

export async function startProxiedBrokers({ dir, count, random }: ProxiedBrokersOptions): Promise<ProxiedBrokers> {
  const ports = await freePorts(count);
  const start = (port: number) => TcpProxy.start({ targets: [port], ...(random && { random }) });
  const proxies = await Promise.all(ports.map(start));
  const addresses = proxies.map(({ port }) => `127.0.0.1:${port}`);
  const brokers = await startBrokers({
    dir,
    count,
    ports,
    properties: (nodeId) => ({ "advertised.listeners": `PLAINTEXT://${addresses[nodeId - 1]}` }),
  });
  const kill = async (): Promise<void> => {
    await brokers.kill();
    await Promise.all(proxies.map((proxy) => proxy.close()));
  };
  return { brokers, proxies, addresses, kill };
}
