import { ManySessions, OneSession } from "@perdure/replica/testing";
import { canonical, project } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { settle, type TestClient, TestEdge } from "./testing/test-edge.ts";

const CAP = 4_096;
const NAMES = ["one", "two", "three"] as const;
const actor = { tenant: "acme", participant: "sam", role: "ROLE_SERVICE" } as const;

type Step =
  | { readonly do: "happen"; readonly session: number; readonly bytes: number; readonly events: number }
  | { readonly do: "take"; readonly client: number; readonly bytes: number }
  | { readonly do: "attach" | "detach" | "send"; readonly client: number; readonly session: number }
  | { readonly do: "settle" };

const index = fc.nat(2);
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("happen" as const),
        session: index,
        bytes: fc.nat(2_000),
        events: fc.integer({ min: 1, max: 3 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), client: index, bytes: fc.nat(4_000) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constantFrom("attach", "detach", "send"), client: index, session: index }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  ),
  { maxLength: 120 },
);

/** Three sessions, and three clients of one edge that follow all of them at first. */
class Play {
  readonly sessions = NAMES.map(() => new OneSession(4));
  readonly edge: TestEdge;
  readonly clients: TestClient[] = [];
  readonly #numbers = NAMES.map(() => 0);
  #sends = 0;

  constructor() {
    const keys = this.sessions.map((session, at) => [`acme/${NAMES[at]}`, session] as const);
    this.edge = new TestEdge(new ManySessions(new Map(keys)), { maxBufferedBytes: CAP });
    for (const at of NAMES.keys()) this.#write(at, [{ sessionCreated: {} }]);
  }

  async begin(): Promise<void> {
    for (const name of ["ann", "bob", "eve"]) this.clients.push(await this.edge.client(name, false));
    for (const client of this.clients) for (const name of NAMES) client.attach(name);
    await settle();
  }

  async take(step: Step): Promise<void> {
    if (step.do === "settle") return settle();
    if (step.do === "happen") {
      const event = { sessionUpdated: { metadata: "x".repeat(step.bytes) } };
      return this.#write(
        step.session,
        Array.from({ length: step.events }, () => event),
      );
    }
    const client = this.clients[step.client];
    if (step.do === "take") return client?.socket.take(step.bytes);
    const name = NAMES[step.session] ?? "";
    if (step.do === "attach") client?.attach(name);
    else if (step.do === "detach") client?.detach(name);
    else this.#send(client, name);
  }

  /** All take what there is, and follow all sessions again. */
  async end(): Promise<void> {
    for (const client of this.clients) for (const name of NAMES) client.attach(name);
    for (let round = 0; round < 20; round += 1) {
      await settle(12);
      for (const { socket } of this.clients) socket.take(Infinity);
    }
  }

  #write(at: number, events: EventJson[]): void {
    const number = (this.#numbers[at] ?? 0) + 1;
    this.#numbers[at] = number;
    this.sessions[at]?.publish({ producer: "sam-1", first: number, last: number, actor, events });
  }

  #send(client: TestClient | undefined, name: string): void {
    const h = client?.readerOf(name).handle;
    this.#sends += 1;
    const ev = [{ sessionUpdated: { title: `${this.#sends}` } }];
    if (h !== undefined) client?.say({ t: "send", h, p: `p-${this.#sends}`, n: 1, born: 0, ev });
  }
}

// Readers throw at a gap and at what is told twice.
test("SPEC 10.1 10.2: however much clients take and when, each comes to what the sessions are, without a gap or an overlap", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const play = new Play();
      await play.begin();
      for (const step of script) await play.take(step);
      await play.end();
      for (const client of play.clients) {
        expect(client.socket.endedWith).toBeUndefined();
        for (const [at, session] of play.sessions.entries()) {
          const { state } = client.readerOf(NAMES[at] ?? "");
          expect(canonical(project(state, "all"))).toBe(canonical(project(session.state, "all")));
        }
      }
    }),
    { numRuns: Number(process.env["SLOW_CLIENT_RUNS"] ?? 100) },
  );
}, 60_000);
