import { type Accepted, type Code, PerdureError, type PoolRun, STATUSES } from "@perdure/core";
import { type EventJson, type LostReasonJson, poolSessionId, type RunRefJson, sessionKey } from "@perdure/protocol";
import { refusalOf } from "../refusal.ts";
import { type Departure, writeDeparture } from "./departure.ts";
import type { AgentDeps } from "./deps.ts";
import { type AgentIdentity, systemActor } from "./identity.ts";
import { JoinedSession } from "./joined-session.ts";
import { SessionWriter } from "./session-writer.ts";

export interface PoolOptions {
  readonly deps: AgentDeps;
  readonly agent: AgentIdentity;
  /** The pool offers a run to this instance. */
  onOffer(offer: { readonly session: string; readonly runId: string }): void;
  /** The instance is fenced in its pool and has to go on as another one, or the pool can only be followed elsewhere. */
  onRefused(error: PerdureError): void;
}

const REENTER_MS = 500;

/** An instance's place in its pool, the session `~pool.<agent>`: it is there with its capacity, and hears of offers. */
export class PoolMembership {
  readonly #options: PoolOptions;
  readonly #id: string;
  readonly #key: string;
  readonly #offers = new Map<string, RunRefJson>();
  #joined: JoinedSession | undefined;
  /** The arrival that was written last: until it is judged, nobody is there who could be gone. */
  #arriving: Promise<void> = Promise.resolve();
  /** The pool was lost here, and is entered again. */
  #isEnteringAgain = false;
  /** Set: the instance is gone from the pool, or about to be. */
  #departing: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    const { tenant, agent } = options.agent;
    this.#options = options;
    this.#id = poolSessionId(agent);
    this.#key = sessionKey(tenant, this.#id);
  }

  /** Settles when the pool lists the instance; `listen` next. Throws PerdureError, `fenced` among them. */
  async enter(): Promise<void> {
    await this.#arrive(this.#enter());
  }

  async #enter(): Promise<void> {
    const { deps, agent } = this.#options;
    await this.#create();
    this.#joined = await JoinedSession.enter({
      ...deps,
      id: this.#id,
      sessionKey: this.#key,
      agent,
      capacity: agent.capacity,
      check: () => undefined,
      onLost: (code) => this.#lost(code),
    });
  }

  /** Tells of the offers that stand, and of those that come. */
  listen(): void {
    const joined = this.#joined;
    if (joined === undefined || joined.over) return;
    for (const run of joined.held.state.pool.values()) this.#lookAt(run);
    joined.follow((accepted) => this.#heard(accepted));
  }

  /** Whether the pool has offered a run of this session to the instance. */
  offers(session: string): boolean {
    return [...this.#offers.values()].some((run) => run.session === session);
  }

  /** Gives a run back that was offered. Never throws. */
  async giveBack(session: string, runId: string): Promise<void> {
    const run = this.#offers.get(keyOf(session, runId));
    if (run === undefined) return;
    this.#offers.delete(keyOf(session, runId));
    await this.#write({ poolReturned: { run, instance: this.#options.agent.instance } });
  }

  /** The run is the instance's, or nobody's: nothing is to be given back. */
  settled(session: string, runId: string): void {
    this.#offers.delete(keyOf(session, runId));
  }

  /**
   * The run's session has ended it, which its keeper may not have lived to tell, or told before an older word that the
   * run waits: it leaves the pool, whoever has it. Never throws.
   */
  async free(session: string, runId: string): Promise<void> {
    const run = this.#offers.get(keyOf(session, runId));
    const joined = this.#joined;
    if (run === undefined || joined?.over !== false) return;
    this.#offers.delete(keyOf(session, runId));
    const { deps, agent } = this.#options;
    const writer = new SessionWriter(joined.held, systemActor(agent.tenant, deps.node), deps.clock);
    try {
      await writer.write(() => ({ events: [{ poolFreed: { run } }] }));
    } catch (error) {
      deps.logger.debug({ pool: this.#id, code: refusalOf(error).code }, "an ended run was not taken out of its pool");
    }
  }

  /** Takes no more offers. Settles when the pool knows, or never will; never throws. */
  leave(reason: string): Promise<void> {
    return this.#depart({ left: reason });
  }

  /** The stream is gone. Settles when the pool knows, or never will; never throws. */
  lose(reason: LostReasonJson): Promise<void> {
    return this.#depart({ lost: reason });
  }

  /** The node begins another life. Whose stream broke while the node could not hear of either is not here again. */
  announce(): void {
    this.#options.deps.announcing.add(this, () => this.#announce());
  }

  #announce(): void {
    if (this.#departing !== undefined || this.#joined === undefined) return;
    this.#arrive(this.#joined.announce()).catch((error: unknown) => this.#failed(error));
  }

  /** The agent lives: where the pool misses it, it is here again; where it is fenced there, which offers nothing, it hears it. */
  announceIfMissed(): void {
    const joined = this.#joined;
    if (joined?.over === false && (joined.isMissed || joined.isFenced)) this.announce();
  }

  #depart(departure: Departure): Promise<void> {
    this.#departing ??= this.#writeDeparture(departure);
    return this.#departing;
  }

  /**
   * An arrival is judged as soon as the log takes records again, before which a departure could not be written either, or
   * given up when the pool is lost here.
   */
  async #writeDeparture(departure: Departure): Promise<void> {
    const { deps, agent } = this.#options;
    await this.#arriving;
    try {
      await writeDeparture(deps, { sessionKey: this.#key, agent }, departure);
    } catch (error) {
      deps.logger.warn({ pool: this.#id, err: error }, "an agent's end was not written");
    } finally {
      this.#joined?.detach();
    }
  }

  async #arrive(arriving: Promise<void>): Promise<void> {
    this.#arriving = arriving.catch(() => undefined);
    await arriving;
  }

  async #create(): Promise<void> {
    const { deps, agent } = this.#options;
    const held = await deps.replica.attach(this.#key, { onAccepted: () => undefined, onLost: () => undefined });
    try {
      if (held.state.epoch !== undefined) return;
      const writer = new SessionWriter(held, systemActor(agent.tenant, deps.node), deps.clock);
      const title = `Pool of ${agent.agent}`;
      await writer.write(() =>
        held.state.epoch === undefined ? { events: [{ sessionCreated: { title } }] } : undefined,
      );
    } finally {
      held.detach();
    }
  }

  #lost(code: Code): void {
    if (code === "rules_too_new") this.#failed(new PerdureError(code, STATUSES[code].meaning));
    else void this.#enterAgain();
  }

  /** Once at a time: it is lost also while it is entered, which then fails. */
  async #enterAgain(): Promise<void> {
    if (this.#isEnteringAgain) return;
    this.#isEnteringAgain = true;
    const { clock } = this.#options.deps;
    do {
      await new Promise<void>((resolve) => void clock.after(REENTER_MS, resolve));
      if (this.#departing !== undefined) break;
      await this.enter().catch((error: unknown) => this.#failed(error));
    } while (this.#joined?.over !== false);
    this.#isEnteringAgain = false;
    this.listen();
  }

  #failed(error: unknown): void {
    const refused = refusalOf(error);
    if (refused.code === "fenced" || refused.code === "rules_too_new") this.#options.onRefused(refused);
    else this.#options.deps.logger.warn({ pool: this.#id, err: error }, "a pool could not be entered");
  }

  #heard(accepted: Accepted): void {
    for (const { poolOffered } of accepted.events) {
      const { session = "", runId = "" } = poolOffered?.run ?? {};
      const instance = poolOffered?.instance;
      if (poolOffered?.run !== undefined && instance === this.#options.agent.instance) {
        this.#offer(poolOffered.run, session, runId);
      }
    }
  }

  #lookAt({ run, phase, instance }: PoolRun): void {
    if (phase !== "POOL_PHASE_OFFERED" || instance !== this.#options.agent.instance) return;
    this.#offer({ ...run, epoch: String(run.epoch) }, run.session, run.runId);
  }

  #offer(run: RunRefJson, session: string, runId: string): void {
    this.#offers.set(keyOf(session, runId), run);
    this.#options.onOffer({ session, runId });
  }

  async #write(event: EventJson): Promise<void> {
    try {
      if (this.#joined?.over === false) await this.#joined.write(() => ({ events: [event] }));
    } catch (error) {
      const { code } = refusalOf(error);
      this.#options.deps.logger.debug({ pool: this.#id, code }, "the pool did not take an agent's word");
    }
  }
}

const keyOf = (session: string, runId: string): string => `${session} ${runId}`;
