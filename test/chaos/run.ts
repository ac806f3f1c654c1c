// One chaos run: begin, harm, heal, compare.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LogKind } from "../support/servers.ts";
import { until } from "../support/until.ts";
import { Fleet, SECRET } from "./fleet.ts";
import { type HarmCounts, Harmer, targetsOf } from "./harm.ts";
import { type Held, heldBy } from "./held.ts";
import { leaksIn } from "./leaks.ts";
import { checkLog } from "./log-check.ts";
import { MortalProgram } from "./mortal.ts";
import { type ClientsOrder, type ClientsProgress, type ClientsSeen, isClientsWord } from "./orders.ts";
import { planFaults } from "./plan.ts";
import { seeded } from "./random.ts";

export interface ChaosOptions {
  readonly log: LogKind;
  readonly seed: number;
  readonly durationMs: number;
  readonly sessionCount: number;
  readonly clientCount: number;
  readonly brokerCount: number;
  readonly agentCount: number;
  readonly wordsPerSecond: number;
  readonly folder: string;
  readonly print: (line: string) => void;
}

export interface ChaosResult {
  readonly complaints: readonly string[];
  readonly harms: HarmCounts;
  readonly asked: number;
  readonly verdicts: ReadonlyMap<string, number>;
  readonly cutConnections: number;
}

const SETTLE_MS = 90_000;
const PRESENCE_MS = 30_000;
const LOOK_EVERY_MS = 500;
/** Of so few who are away it is said who they are. */
const NAMED = 3;
const PROGRESS_MS = 5_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const run = new ChaosRun(options, await fleetOf(options));
  try {
    return await run.result();
  } finally {
    await run.end();
  }
}

function fleetOf({ log, folder, seed, brokerCount, agentCount, sessionCount, wordsPerSecond }: ChaosOptions) {
  mkdirSync(folder, { recursive: true });
  // With one agent away, the others have room for all sessions.
  const agentCapacity = Math.ceil(sessionCount / Math.max(1, agentCount - 1));
  const random = seeded(seed + 1);
  return Fleet.start({ log, folder, random, brokerCount, agentCount, agentCapacity, wordsPerSecond });
}

class ChaosRun {
  readonly #options: ChaosOptions;
  readonly #fleet: Fleet;
  readonly #startedMs = performance.now();
  readonly #timeline: string[] = [];
  readonly #complaints: string[] = [];
  readonly #harmer: Harmer;
  #clients: MortalProgram | undefined;
  #clientsIdle: Held = new Map();
  #progress: ClientsProgress | undefined;
  #seen: ClientsSeen | undefined;

  constructor(options: ChaosOptions, fleet: Fleet) {
    this.#options = options;
    this.#fleet = fleet;
    this.#harmer = new Harmer(fleet, seeded(options.seed + 2), (line) => this.#note(line));
  }

  async result(): Promise<ChaosResult> {
    const idle = await this.#held();
    await this.#gather();
    await this.#harm();
    await this.#settle();
    const rooms = await this.#compare();
    await this.#part(idle);
    const { complaints, verdicts } = await checkLog(this.#fleet, rooms);
    this.#complaints.push(...complaints);
    this.#step("the log was read");
    return {
      complaints: this.#complaints,
      harms: this.#harmer.counts,
      asked: rooms.reduce((sum, { asked }) => sum + asked.length, 0),
      verdicts,
      cutConnections: [...this.#fleet.proxies.values()].flat().reduce((sum, { cutCount }) => sum + cutCount, 0),
    };
  }

  async end(): Promise<void> {
    this.#fleet.keepLogs();
    if (this.#clients !== undefined) {
      writeFileSync(join(this.#options.folder, "clients.log"), this.#clients.output);
      await this.#clients.stop();
    }
    writeFileSync(join(this.#options.folder, "timeline.log"), this.#timeline.join("\n"));
    await this.#fleet.stop();
  }

  async #gather(): Promise<void> {
    const { sessionCount, clientCount, seed } = this.#options;
    const clients = new MortalProgram("clients", "clients", {
      args: [fileURLToPath(new URL("clients.ts", import.meta.url))],
      env: {
        CHAOS_URL: this.#fleet.clientUrl,
        CHAOS_SECRET: SECRET,
        CHAOS_SESSIONS: String(sessionCount),
        CHAOS_CLIENTS: String(clientCount),
        CHAOS_SEED: String(seed),
      },
      ready: (program) => Promise.resolve(program.output.includes("clients are there")),
    });
    this.#clients = clients;
    clients.program.onMessage((word) => {
      if (!isClientsWord(word)) return;
      if (word.is === "progress") this.#progress = word;
      else this.#seen = word;
    });
    await clients.works();
    this.#clientsIdle = await heldBy(clients.program);
    this.#order("ask");
    await until("all clients being there", () => (this.#progress?.live ?? 0) === clientCount);
    this.#step(`${clientCount} clients in ${sessionCount} sessions`);
  }

  async #harm(): Promise<void> {
    const { seed, durationMs } = this.#options;
    const faults = planFaults(seeded(seed), targetsOf(this.#fleet), durationMs);
    const telling = setInterval(() => this.#tell(), PROGRESS_MS);
    await this.#harmer.run(faults, durationMs).finally(() => clearInterval(telling));
  }

  async #settle(): Promise<void> {
    this.#step("all is healed; what was asked is answered to its end");
    this.#order("finish");
    const telling = setInterval(() => this.#tell(), PROGRESS_MS);
    const { clientCount } = this.#options;
    const settled = until(
      () => `every question answered and every client there: ${this.#state}`,
      () => this.#progress?.idle === true && this.#progress.live === clientCount,
      SETTLE_MS,
    );
    await settled
      .catch((error: unknown) => void this.#complaints.push(String(error)))
      .finally(() => clearInterval(telling));
    this.#complaints.push(...(this.#progress?.complaints ?? []));
  }

  /** Asks the clients again and again, until all they see is right or their time is over. */
  async #compare() {
    this.#step("what do the clients see?");
    const seen = await this.#look();
    this.#complaints.push(...seen.complaints);
    return seen.rooms;
  }

  async #look(agentsLeft = false): Promise<ClientsSeen> {
    const limitMs = performance.now() + PRESENCE_MS;
    for (;;) {
      this.#seen = undefined;
      this.#order("look", { agentsLeft });
      const seen = await until("the clients telling what they see", () => this.#seen);
      if (seen.complaints.length === 0 || performance.now() > limitMs) return seen;
      await delay(LOOK_EVERY_MS);
    }
  }

  /** Who leaves is seen to leave; and who is left alone lets go of everything. */
  async #part(idleBefore: ReadonlyMap<string, Held>): Promise<void> {
    this.#step("the clients leave, all but one of each session");
    this.#order("leave");
    await this.#expectRight("after the others left");
    await Promise.all(this.#fleet.of("agent").map((agent) => agent.stop()));
    await this.#expectRight("after the agents left", true);
    this.#order("close");
    const servers = this.#fleet.programs.filter(({ kind }) => kind !== "agent");
    this.#step("nobody is connected any more; what do the servers and the clients' process still hold?");
    const leaks = servers.map((server) =>
      leaksIn(server, idleBefore.get(server.kind) ?? new Map<string, number>(), this.#options.brokerCount),
    );
    if (this.#clients !== undefined) leaks.push(leaksIn(this.#clients, this.#clientsIdle, 0));
    this.#complaints.push(...(await Promise.all(leaks)).flat());
    if (this.#options.log === "embedded") await Promise.all(servers.map((server) => server.stop()));
  }

  async #expectRight(when: string, agentsLeft = false): Promise<void> {
    const { complaints } = await this.#look(agentsLeft);
    this.#complaints.push(...complaints.map((complaint) => `${when}, ${complaint}`));
  }

  /** Of one process of each kind, while nobody is connected. */
  async #held(): Promise<ReadonlyMap<string, Held>> {
    const held = new Map<string, Held>();
    for (const { kind, program } of this.#fleet.programs) if (!held.has(kind)) held.set(kind, await heldBy(program));
    return held;
  }

  #order(what: ClientsOrder["do"], more: Partial<ClientsOrder> = {}): void {
    this.#clients?.program.tell({ do: what, ...more } satisfies ClientsOrder);
  }

  get #state(): string {
    const { live = 0, away = [], asked = 0, done = 0 } = this.#progress ?? {};
    const some = away.length > 0 && away.length <= NAMED ? ` (${away.join("; ")})` : "";
    return `${live} of ${this.#options.clientCount} clients live${some}, ${asked} asked, ${done} answered`;
  }

  #tell(): void {
    const harms = [...this.#harmer.counts.done.values()].reduce((sum, count) => sum + count, 0);
    this.#options.print(`${this.#seconds} s: ${harms} faults, ${this.#state}`);
  }

  get #seconds(): string {
    return ((performance.now() - this.#startedMs) / 1_000).toFixed(0);
  }

  #step(line: string): void {
    this.#note(line);
    this.#options.print(`${this.#seconds} s: ${line}`);
  }

  #note(line: string): void {
    this.#timeline.push(`${new Date().toISOString()} ${line}`);
  }
}
