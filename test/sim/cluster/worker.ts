import { Agent } from "../../../packages/agent/src/agent.ts";
import { Beater, type BeatStream } from "../../../packages/agent/src/heartbeat/beater.ts";
import type { BeatOptions, Heartbeat } from "../../../packages/agent/src/heartbeat/heartbeat.ts";
import { grpcBeats, grpcPages, grpcTransport } from "../../../packages/agent/src/link/grpc-transport.ts";
import { silentLogger } from "../../../packages/agent/src/logger.ts";
import type { Run } from "../../../packages/agent/src/run/run.ts";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import type { World } from "../world/world.ts";
import { AGENT } from "./person.ts";
import type { Recorder } from "./recorder.ts";
import { TransportTap } from "./transport-tap.ts";
import { tokenOf } from "./tokens.ts";

const INGEST = { url: "http://ingest.any", ca: undefined };

/** Beats as the agent's thread does; a simulated process has but one. */
class SimHeartbeat implements Heartbeat {
  readonly #beater: Beater;
  readonly #streams = new Set<BeatStream>();
  #stopped = false;

  constructor(process: SimProcess, random: Random) {
    this.#beater = new Beater({
      clock: process.clock,
      random: () => random.next(),
      loopDelayMs: () => 0,
      open: (options, listener) => {
        const stream = grpcBeats(options, listener);
        this.#streams.add(stream);
        return stream;
      },
    });
  }

  beat(options: BeatOptions): void {
    if (!this.#stopped) this.#beater.beat(options);
  }

  renew(token: string): void {
    this.#beater.renew(token);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stream of this.#streams) stream.drop();
    await Promise.resolve();
  }
}

/** A process of an agent: the real SDK, and a handler that streams, asks and does steps. */
export class AgentWorker {
  readonly name: string;
  readonly #world: World;
  readonly #random: Random;
  readonly #tap: TransportTap;
  #process: SimProcess | undefined;
  #agent: Agent | undefined;
  #lives = 0;

  constructor(name: string, world: World, recorder: Recorder) {
    this.name = name;
    this.#world = world;
    this.#random = world.random.stream(name);
    this.#tap = new TransportTap(grpcTransport(INGEST), (code) =>
      recorder.fault(`greeted: ${name} is told ${code}, and is not to come back`),
    );
  }

  get process(): SimProcess | undefined {
    return this.#process;
  }

  /** The instance that it is now. */
  get instance(): string | undefined {
    return this.#agent?.instance;
  }

  /** Whether a node has welcomed it, on a stream that is still there. */
  get isConnected(): boolean {
    return this.#tap.isConnected;
  }

  start(): void {
    if (this.#process?.alive === true) return;
    this.#lives += 1;
    const process = this.#world.start(this.name);
    this.#process = process;
    process.after(0, () => this.#serve(process));
  }

  #serve(process: SimProcess): void {
    const random = this.#random.stream(`life ${this.#lives}`);
    const getToken = (): string =>
      tokenOf({ participant: "bot", role: "agent" }, this.#world.issuer, process.clock.now());
    const agent = new Agent({
      name: AGENT,
      capacity: 2,
      description: "",
      instance: `${this.name}-${this.#lives}`,
      url: INGEST.url,
      ca: undefined,
      getToken,
      transport: this.#tap,
      pages: grpcPages(INGEST, getToken),
      heartbeat: new SimHeartbeat(process, random),
      clock: process.clock,
      random: () => random.next(),
      logger: silentLogger,
    });
    this.#agent = agent;
    agent.connect().then(
      () => agent.serve((run) => work(run, process, random)),
      () => undefined,
    );
  }
}

const sleep = (process: SimProcess, ms: number): Promise<void> =>
  new Promise((resolve) => void process.after(ms, resolve));

async function work(run: Run, process: SimProcess, random: Random): Promise<void> {
  if (random.chance(0.5)) {
    await run.step("look", async () => {
      await sleep(process, random.between(5, 200));
      return { found: random.below(100) };
    });
  }
  if (random.chance(0.3)) await run.ask({ title: "Go on?", choices: ["yes", "no"], expiresIn: 3_000, default: "no" });
  await run.pipe(tokens(process, random));
  if (random.chance(0.5)) {
    const outputTokens = 1 + random.below(60);
    await run.usage({ provider: "sim", model: random.of(["small", "large"]), inputTokens: 5, outputTokens });
  }
  run.progress({ label: "almost", fraction: 0.9 });
}

/** Words as a model makes them: some at once, some after a while. */
async function* tokens(process: SimProcess, random: Random): AsyncGenerator<string> {
  const count = 3 + random.below(20);
  for (let word = 0; word < count; word += 1) {
    if (random.chance(0.6)) await sleep(process, random.between(1, 120));
    yield random.of(["so ", "many ", "words ", "über ", "🜁 ", "and more and more and more "]);
  }
}
