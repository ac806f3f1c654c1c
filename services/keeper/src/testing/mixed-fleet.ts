import { equal, ok } from "node:assert/strict";
import { RULE_BOOK } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { type HeldSession, TOPICS } from "@perdure/replica";
import { canonicalText, SampleWriter } from "@perdure/replica/testing";
import type { Keeper } from "../keeper.ts";
import { KeeperTest } from "./keeper-test.ts";

const KEYS = ["acme/one", "acme/two", "acme/three"];
const NEXT = NEXT_RULE_BOOK.length;

/** A log on which nodes and keepers of two versions come and go. */
export class MixedFleet {
  readonly #world: KeeperTest;
  readonly #writers = new Map(KEYS.map((key, index) => [key, new SampleWriter(`w${index}`, "ROLE_USER")]));
  /** Sessions as a node has them that knows all rules, and was there from the first record on. */
  readonly #whole = new Map<string, HeldSession>();
  readonly #keepers: Keeper[] = [];
  #watermark = -1;
  #count = 0;

  private constructor(world: KeeperTest) {
    this.#world = world;
  }

  static async start(): Promise<MixedFleet> {
    const fleet = new MixedFleet(await KeeperTest.start(1));
    for (const key of KEYS) fleet.#whole.set(key, await fleet.#world.attach(key, NEXT_RULE_BOOK));
    return fleet;
  }

  /** `what` happens, in one of the sessions; `how` decides the rest. */
  async step([what, index, how]: readonly [what: number, index: number, how: number]): Promise<void> {
    const key = KEYS[index % KEYS.length] ?? "";
    if (what < 3) await this.#write(key, how);
    else if (what === 3) await this.#upgrade(key);
    else if (what === 4) await this.#keeper(how % 2 === 0);
    else if (what === 5) await this.#keepers.splice(how % (this.#keepers.length + 1), 1)[0]?.stop();
    else if (what < 8) await this.#world.pass(how * 150);
    else await this.check(key);
  }

  /** Nodes that have just begun: who knows the rules has everything, who does not says so. */
  async check(key: string): Promise<void> {
    await this.#world.test.atRest();
    const watermark = await this.#world.watermark(0);
    ok(watermark >= this.#watermark, `the watermark went back to ${watermark}`);
    this.#watermark = watermark;
    const whole = this.#whole.get(key)?.state;
    if (whole === undefined) throw new Error(`nobody follows ${key}`);
    const current = await this.#world.attach(key, NEXT_RULE_BOOK);
    equal(canonicalText(current.state), canonicalText(whole));
    const old = await this.#world.attach(key, RULE_BOOK).then(
      ({ state }) => canonicalText(state),
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );
    equal(old, whole.rules > RULE_BOOK.length ? "rules_too_new" : canonicalText(whole));
  }

  /** At last all know the rules: everything is covered, and nothing need stay in the log. */
  async end(): Promise<void> {
    for (const keeper of this.#keepers.splice(0)) await keeper.stop();
    await this.#keeper(true);
    await this.#world.pass(40_000);
    for (const key of KEYS) {
      await this.check(key);
      equal((await this.#world.indexEntry(key))?.unjudgedFrom, undefined);
    }
    const { start, end } = await this.#world.test.log.bounds(TOPICS.events, 0);
    equal(start, end);
  }

  stop(): Promise<void> {
    return this.#world.stop();
  }

  async #write(key: string, how: number): Promise<void> {
    const writer = this.#writers.get(key);
    if (writer === undefined) throw new Error(`nobody writes in ${key}`);
    if (how < 20)
      await this.#world.test.append(key, writer.record([{ sessionCreated: how < 4 ? { rules: NEXT } : {} }]));
    else if (how < 60)
      await this.#world.test.append(key, writer.record([{ sessionUpdated: { title: ` ${how % 3} ` } }]));
    else await this.#world.test.append(key, writer.say("some words ".repeat(how * 20)));
  }

  async #upgrade(key: string): Promise<void> {
    this.#count += 1;
    const node = new SampleWriter(`k${this.#count}`, "ROLE_SYSTEM");
    await this.#world.test.append(key, node.record([{ rulesUpgraded: { version: NEXT } }]));
  }

  /** `rulesMax`: it raises no rules itself. */
  async #keeper(isNew: boolean): Promise<void> {
    this.#count += 1;
    const settings = { node: `keeper-${this.#count}`, eventsKeptMs: 0, trimMs: 1_000, rulesMax: RULE_BOOK.length };
    const small = { checkpointBatchBytes: 2_000, sessionIdleMs: 2_000, sessionsKept: 1 };
    const book = isNew ? NEXT_RULE_BOOK : RULE_BOOK;
    this.#keepers.push(await this.#world.keeper({ ...settings, ...small }, undefined, book));
  }
}
