import type { EventJson } from "@perdure/protocol";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { oneSessionNode } from "../testing/one-session-node.ts";
import { Outgoing } from "./outgoing.ts";
import { StreamSessions } from "./stream-sessions.ts";

const AGENT = { tenant: "acme", participant: "bot", agent: "helper", description: "", instance: "i-1", capacity: 2 };
const TRY_AGAIN_MS = 1_000;

const KINDS = [
  ...["join", "leave", "connect", "break"],
  ...["arrive", "arrive", "cut", "lose", "away", "back"],
  ...["turn", "turn", "turn", "wait", "beat"],
  ...["expire", "hear", "announce", "tell"],
] as const;
const steps = fc.array(fc.constantFrom(...KINDS), { minLength: 5, maxLength: 50, size: "max" });

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One agent on one node, over one stream after the other, to whose session everything comes when the play says so. */
class Play {
  readonly #node = oneSessionNode();
  readonly #departures: Promise<void>[] = [];
  #stream: { readonly sessions: StreamSessions; readonly attachment: string } | undefined;
  #streamCount = 0;
  #isWanted = false;
  /** The last life of the node that the keeper has declared over. */
  #expired = 0;
  #isAnnounced = true;
  #numbers = 0;

  constructor() {
    this.#node.node.declaredOver = (incarnation) => this.#liveAgain(incarnation);
    this.#node.replica.isSlow = true;
    this.#connect();
  }

  async take(step: string): Promise<void> {
    const { replica, clock } = this.#node;
    if (step === "join") this.#join();
    else if (step === "leave") this.#leave();
    else if (step === "connect") this.#connect();
    else if (step === "break") this.#break();
    else if (step === "arrive") this.#arrive();
    else if (step === "cut") this.#arrive(true);
    else if (step === "lose") replica.lose("catching_up");
    else if (step === "away") replica.away = "catching_up";
    else if (step === "back") replica.away = undefined;
    else if (step === "turn") await settle();
    else if (step === "wait") clock.advance(TRY_AGAIN_MS);
    else if (step === "beat") this.#stream?.sessions.announceMissed();
    else if (step === "expire") this.#expired = this.#node.node.incarnation;
    else if (step === "hear") this.#liveAgain(this.#expired);
    else if (step === "announce") this.#announce();
    else this.#tell();
  }

  /** The session hears what the keeper has declared; then all comes to rest. Who should be here by then, and who is. */
  async end(): Promise<{ readonly wanted: string; readonly shown: string; readonly holdCount: number }> {
    this.#node.replica.away = undefined;
    this.#tell();
    for (let round = 0; round < 25; round += 1) {
      this.#arrive();
      await settle();
      this.#announce();
      // As an agent does that was told to come again.
      if (this.#isWanted) void this.#stream?.sessions.join("s");
      this.#stream?.sessions.announceMissed();
      this.#node.clock.advance(TRY_AGAIN_MS);
      await settle();
    }
    await Promise.all(this.#departures);
    const agent = this.#node.replica.state.agents.get(AGENT.instance);
    const isHere = agent?.presence === "AGENT_PRESENCE_HERE";
    const isWanted = this.#isWanted && this.#stream !== undefined;
    return {
      wanted: isWanted ? `${this.#stream?.attachment} in life ${this.#node.node.incarnation}` : "nobody",
      holdCount: this.#node.replica.holdCount,
      shown: isHere ? `${agent.attachment} in life ${agent.incarnation}` : "nobody",
    };
  }

  #join(): void {
    this.#isWanted = true;
    if (this.#stream === undefined) this.#connect();
    else void this.#stream.sessions.join("s");
  }

  #leave(): void {
    if (this.#stream === undefined || !this.#isWanted) return;
    this.#isWanted = false;
    this.#departures.push(this.#stream.sessions.leave("s", ""));
  }

  #connect(): void {
    this.#break();
    this.#streamCount += 1;
    const attachment = `stream-${this.#streamCount}`;
    const outgoing = new Outgoing({ write: (_bytes, onWritten) => onWritten() }, 1_000_000, () => undefined);
    const agent = { ...AGENT, attachment };
    const own = { agent, outgoing, allows: () => true, onElsewhere: () => undefined };
    this.#stream = { sessions: new StreamSessions({ deps: this.#node.deps, ...own }), attachment };
    if (this.#isWanted) void this.#stream.sessions.join("s");
  }

  #break(): void {
    if (this.#stream !== undefined) this.#departures.push(this.#stream.sessions.loseAll("LOST_REASON_STREAM"));
    this.#stream = undefined;
  }

  /** What is on its way comes to the log, or, where that `isCutOff`, does not. */
  #arrive(isCutOff = false): void {
    const { replica } = this.#node;
    replica.isCutOff = isCutOff;
    replica.arrive();
    replica.isCutOff = false;
    replica.isSlow = true;
  }

  #liveAgain(incarnation: number): void {
    if (incarnation !== this.#node.node.incarnation) return;
    this.#node.node.incarnation += 1;
    this.#isAnnounced = false;
  }

  #announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    this.#stream?.sessions.announceAll();
  }

  #tell(): void {
    if (this.#expired > 0) this.#write({ nodeExpired: { node: "ingest-1", incarnation: this.#expired } });
  }

  #write(event: EventJson): void {
    this.#numbers += 1;
    const actor = { tenant: "acme", participant: "keeper", role: "ROLE_SYSTEM" } as const;
    const cause = { seq: this.#node.replica.state.seq };
    const producer = `k-${this.#numbers}`;
    this.#node.replica.publish({ producer, first: 1, last: 1, actor, cause, events: [event] });
  }
}

test("SPEC 9.4: whatever is on its way when an agent comes and goes, it is shown as here where it is, and only there", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (played) => {
      const play = new Play();
      for (const step of played) await play.take(step);
      const { wanted, ...seen } = await play.end();
      expect(seen).toEqual({ shown: wanted, holdCount: wanted === "nobody" ? 0 : 1 });
    }),
    { seed: Number(process.env["FUZZ_SEED"] ?? 20_261), numRuns: Number(process.env["PRESENCE_RUNS"] ?? 300) },
  );
});
