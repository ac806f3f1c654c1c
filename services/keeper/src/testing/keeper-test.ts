import { type Accepted, type EventKind, eventKind, type RuleBook } from "@perdure/core";
import type { Log } from "@perdure/log";
import { decodeIndexEntry, decodeWatermark, type IndexEntryJson, WATERMARK_KEY } from "@perdure/protocol";
import {
  createReplica,
  entryKeyText,
  type HeldSession,
  type Replica,
  type SessionListener,
  TOPICS,
} from "@perdure/replica";
import { TestLog, TestLogger, until } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { type Keeper, startKeeper } from "../keeper.ts";
import type { KeeperSettings } from "../settings.ts";

const logger = createLogger({ service: "keeper", node: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

/** Keepers and readers on one real log and one clock that the test moves. */
export class KeeperTest {
  readonly test: TestLog;
  readonly #keepers: Keeper[] = [];
  readonly #replicas: Replica[] = [];

  private constructor(test: TestLog) {
    this.test = test;
  }

  static async start(partitions = 2): Promise<KeeperTest> {
    return new KeeperTest(await TestLog.open(partitions));
  }

  /** Ready when this returns. `log`: the test's own, with something done to it. */
  async keeper(settings: Partial<KeeperSettings> = {}, log: Log = this.test.log, book?: RuleBook): Promise<Keeper> {
    const { clock, partitions } = this.test;
    const node = settings.node ?? `keeper-${this.#keepers.length}`;
    const keeper = await startKeeper({
      log,
      clock,
      logger,
      config: { ...settings, node, partitions },
      ...(book && { book }),
    });
    this.#keepers.push(keeper);
    await until(() => keeper.readiness().ready);
    return keeper;
  }

  /** `book`: the rules that it knows. */
  replica(book?: RuleBook): Replica {
    const { log, clock, partitions } = this.test;
    const replica = createReplica({ log, clock, partitions, logger: new TestLogger(), ...(book && { book }) });
    this.#replicas.push(replica);
    return replica;
  }

  /** The session as a node that has just opened it sees it, and what it hears from then on. */
  async attach(key: string, book?: RuleBook): Promise<HeldSession & { readonly heard: Accepted[]; lost: string[] }> {
    const heard: Accepted[] = [];
    const lost: string[] = [];
    const listener: SessionListener = {
      onAccepted: (accepted) => heard.push(accepted),
      onLost: (code) => lost.push(code),
    };
    const held = await this.replica(book).attach(key, listener);
    return Object.assign(held, { heard, lost });
  }

  async watermark(partition: number): Promise<number> {
    const entries = await this.test.entries(TOPICS.index, partition);
    const value = entries.findLast((entry) => entryKeyText(entry) === WATERMARK_KEY)?.value ?? undefined;
    return value === undefined ? -1 : Number(decodeWatermark(value).covered ?? 0);
  }

  async indexEntry(key: string): Promise<IndexEntryJson | undefined> {
    const entries = await this.test.entries(TOPICS.index, this.test.partitionOf(key));
    const value = entries.findLast((entry) => entryKeyText(entry) === key)?.value ?? undefined;
    return value === undefined ? undefined : decodeIndexEntry(value);
  }

  /** Lets time pass until the keeper has covered what is in the session's partition now. */
  async covered(key: string): Promise<void> {
    const partition = this.test.partitionOf(key);
    const { end } = await this.test.log.bounds(TOPICS.events, partition);
    await this.passing(async () => (await this.watermark(partition)) >= end - 1, 500);
  }

  /** Lets time pass in small steps, each when all that came of the one before has happened, until `holds` does. */
  async passing(holds: () => boolean | Promise<boolean>, stepMs = 100): Promise<void> {
    await this.test.atRest();
    while (!(await holds())) {
      this.test.clock.advance(stepMs);
      await this.test.atRest();
    }
  }

  async pass(ms: number, stepMs = 500): Promise<void> {
    const endMs = this.test.clock.now() + ms;
    await this.passing(() => this.test.clock.now() >= endMs, stepMs);
  }

  /** As when the process is killed: the log goes from under it, and nothing more is written. */
  async kill(): Promise<void> {
    await this.test.reopen();
    this.#keepers.length = 0;
    this.#replicas.length = 0;
  }

  async stop(): Promise<void> {
    for (const replica of this.#replicas) await replica.close();
    for (const keeper of this.#keepers) await keeper.stop();
    await this.test.close();
  }
}

/** When the log took in the first event of a kind, Unix milliseconds; NaN: never. */
export function heardAtMs(heard: readonly Accepted[], kind: EventKind): number {
  return heard.find(({ events }) => events.some((event) => eventKind(event) === kind))?.timeMs ?? Number.NaN;
}
