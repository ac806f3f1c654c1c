import type { Code } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import { ManualClock, OneSession } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Presence } from "./presence.ts";
import { grantOf } from "./testing/grants.ts";
import { settle } from "./testing/test-edge.ts";

const NODE = "edge-1";
const LISTED = 3;
const SETTLE_MS = 2_000;

type Step =
  | { readonly do: "come"; readonly role: "ROLE_USER" | "ROLE_OBSERVER" }
  | { readonly do: "break" | "return" | "leave"; readonly whose: number }
  | { readonly do: "arrive" | "turn" | "expire" | "hear" | "announce" | "tell" | "wait" };

const always = <Value>(value: Value): fc.Arbitrary<Value> => fc.constant(value);
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ do: always("come" as const), role: fc.constantFrom("ROLE_USER", "ROLE_OBSERVER") }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("break", "return", "leave"), whose: fc.nat(5) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("arrive", "turn") }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom("expire", "hear", "announce", "tell") }) },
    { weight: 1, arbitrary: fc.record({ do: always("wait" as const) }) },
  ),
  { minLength: 10, maxLength: 60, size: "max" },
);

interface Person {
  member: string;
  isConnected: boolean;
  readonly isObserver: boolean;
}

/** One session on one node, to which everything comes when the play says so: its records, and the ends of its lives. */
class Play {
  readonly session = new OneSession(0, { listedMembers: LISTED });
  readonly clock = new ManualClock();
  readonly refusals: Code[] = [];
  #incarnation = 1;
  /** The last life that the keeper has declared over. */
  #expired = 0;
  #isAnnounced = true;
  #people: Person[] = [];
  #numbers = 0;
  #presence: Presence | undefined;

  async begin(): Promise<void> {
    this.#write({ sessionCreated: {} });
    const onAccepted = (accepted: Parameters<Presence["onAccepted"]>[0]): void => this.#presence?.onAccepted(accepted);
    const held = await this.session.attach("acme/trip", { onAccepted, onLost: () => undefined });
    const declaredOver = (incarnation: number): void => this.#liveAgain(incarnation);
    this.#presence = new Presence({
      held: { ...held, publish: (record) => this.#watched(held.publish(record)) },
      tenant: "acme",
      node: { name: NODE, incarnation: () => this.#incarnation, declaredOver },
      settleMs: SETTLE_MS,
      countMs: SETTLE_MS,
      clock: this.clock,
      logger: createLogger({ service: "edge", node: NODE, level: "silent" }),
      onIdle: () => undefined,
    });
    this.session.isSlow = true;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "come":
        return this.#come(step.role);
      case "break":
      case "return":
      case "leave":
        return this.#move(step.do, this.#people[step.whose]);
      case "arrive":
        this.session.arrive();
        this.session.isSlow = true;
        return;
      case "turn":
        return settle(1);
      case "expire":
        this.#expired = this.#incarnation;
        return;
      case "hear":
        return this.#liveAgain(this.#expired);
      case "announce":
        return this.#announce();
      case "tell":
        return this.#tell();
      case "wait":
        return this.clock.advance(SETTLE_MS);
    }
  }

  /** The session hears what the keeper has declared, which the node may know from it alone; then all comes to rest. */
  async end(): Promise<void> {
    this.#tell();
    for (let round = 0; round < 12; round += 1) {
      this.session.arrive();
      await settle();
      this.#announce();
      this.clock.advance(SETTLE_MS);
      await settle();
    }
  }

  /** Who should be seen here, and who is. */
  get shown() {
    const { members, observers } = this.session.state;
    const here = this.#people.filter(({ isConnected }) => isConnected);
    const listed = here.filter(({ member }) => members.has(member));
    return {
      unlistedUsers: here.filter((person) => !person.isObserver && !listed.includes(person)).length,
      unseenObservers: here.filter(({ isObserver }) => isObserver).length,
      strangers: members.size - listed.length,
      listedObservers: listed.filter(({ isObserver }) => isObserver).length,
      counted: observers.get(NODE)?.count ?? 0,
      ofEndedLives: [...members.values()].filter(({ incarnation }) => incarnation <= this.#expired).length,
    };
  }

  #come(role: "ROLE_USER" | "ROLE_OBSERVER"): void {
    const member = this.#presence?.join(grantOf(`p-${this.#people.length}`, role), "", undefined) ?? "";
    this.#people.push({ member, isConnected: true, isObserver: role === "ROLE_OBSERVER" });
  }

  #move(what: "break" | "return" | "leave", person: Person | undefined): void {
    if (person === undefined || person.isConnected === (what === "return")) return;
    person.isConnected = what === "return";
    if (what === "break") return this.#presence?.lose(person.member);
    if (what === "leave") return this.#presence?.leave(person.member, "LEAVE_REASON_DETACHED");
    const name = `p-${this.#people.indexOf(person)}`;
    const grant = grantOf(name, person.isObserver ? "ROLE_OBSERVER" : "ROLE_USER");
    person.member = this.#presence?.join(grant, "", person.member) ?? "";
  }

  #liveAgain(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    this.#incarnation += 1;
    this.#isAnnounced = false;
  }

  #announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.#presence?.rejoin();
  }

  #tell(): void {
    if (this.#expired > 0) this.#write({ nodeExpired: { node: NODE, incarnation: this.#expired } });
  }

  #watched(publication: ReturnType<OneSession["publish"]>): ReturnType<OneSession["publish"]> {
    void publication.applied.then((verdict) => void ("code" in verdict && this.refusals.push(verdict.code)));
    return publication;
  }

  #write(event: EventJson): void {
    this.#numbers += 1;
    const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
    const cause = { seq: this.session.state.seq };
    this.session.publish({ producer: `k-${this.#numbers}`, first: 1, last: 1, actor, cause, events: [event] });
  }
}

test("SPEC 9.1, 9.2: whatever is on its way when lives of a node end, all who are here are seen, and joins are written once", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (played) => {
      const play = new Play();
      await play.begin();
      for (const step of played) await play.take(step);
      await play.end();
      const { unseenObservers, listedObservers, counted, ...rest } = play.shown;
      expect(rest).toEqual({ unlistedUsers: 0, strangers: 0, ofEndedLives: 0 });
      expect(listedObservers + counted).toBe(unseenObservers);
      expect(play.refusals).not.toContain("already_exists");
    }),
    { seed: Number(process.env["FUZZ_SEED"] ?? 20_261), numRuns: Number(process.env["PRESENCE_RUNS"] ?? 300) },
  );
});
