import { dues, type SessionState, type Verdict } from "@perdure/core";
import type { Appended } from "@perdure/log";
import type { AudienceJson, EventJson, RecordJson } from "@perdure/protocol";
import type { Clock } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";
import type { DueQueue } from "./due-queue.ts";
import { dueMsOf } from "./index-entry.ts";
import type { KeptSession } from "./kept-session.ts";
import { type NodeLife, nodesOf } from "./node-life.ts";
import { owedSignals } from "./owed-signals.ts";
import type { SignalSender } from "./pool-links.ts";

export interface DerivationsParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** This process as a writer: its producer id, and its participant. */
  readonly producer: string;
  readonly node: string;
  readonly isOver: (life: NodeLife) => boolean;
  /** The version of the rules that every live node knows; 0: that is not known now. */
  readonly knownByAll: () => number;
  readonly append: (sessionKey: string, record: RecordJson) => Promise<Appended>;
  readonly signals: SignalSender;
  readonly queue: DueQueue;
  /** Nothing is owed any more of what the index says is. */
  readonly onSettled: (session: KeptSession) => void;
}

/** One derived record, before it has a number. */
interface Owed {
  readonly causeSeq: number;
  readonly audience: AudienceJson;
  readonly events: readonly EventJson[];
}

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 30_000;
/** Derived records of one session that are under way at the same time. */
const ROUND = 64;

/** Writes what follows from a session's state and the time: deadlines, ended nodes, and what pools should know. */
export class Derivations {
  readonly #parts: DerivationsParts;
  #closed = false;

  constructor(parts: DerivationsParts) {
    this.#parts = parts;
  }

  /** Looks at the session as it is now. Call it when something of it, or the time, has come on. */
  examine(session: KeptSession): void {
    const { state } = session;
    if (state === undefined || this.#closed) return;
    this.#signal(session, state);
    const { deriving } = session;
    if (deriving.running) return;
    const nowMs = this.#parts.clock.now();
    if (deriving.notBeforeMs > nowMs) {
      this.#parts.queue.set(session.key, deriving.notBeforeMs);
      return;
    }
    const owed = this.#owed(session, state, nowMs);
    if (owed.length === 0) this.#parts.queue.set(session.key, dueMsOf(state));
    else void this.#write(session, state, owed.slice(0, ROUND));
  }

  close(): void {
    this.#closed = true;
  }

  #owed(session: KeptSession, state: SessionState, nowMs: number): Owed[] {
    const owed: Owed[] = [...this.#upgrade(session, state), ...dues(state).filter(({ atMs }) => atMs <= nowMs)];
    if (!session.nodesChanged) return owed;
    const over = state.epoch === undefined ? [] : nodesOf(state).filter(this.#parts.isOver);
    session.nodesChanged = over.length > 0;
    const expired = over.map(({ node, incarnation }): Owed => ({
      causeSeq: state.seq,
      audience: "AUDIENCE_ALL",
      events: [{ nodeExpired: { node, incarnation } }],
    }));
    return [...expired, ...owed];
  }

  /** One version at a time, and none that a live node does not know. */
  #upgrade(session: KeptSession, state: SessionState): Owed[] {
    session.upgradeDue &&= state.epoch !== undefined && state.rules < this.#parts.knownByAll();
    if (!session.upgradeDue) return [];
    const events = [{ rulesUpgraded: { version: state.rules + 1 } }];
    return [{ causeSeq: state.seq, audience: "AUDIENCE_ALL", events }];
  }

  async #write(session: KeptSession, state: SessionState, owed: readonly Owed[]): Promise<void> {
    session.deriving.running = true;
    const last = state.ledger.producers.get(this.#parts.producer)?.last ?? 0;
    const judged = owed.map((one, index) => {
      const record = this.#record(session, state, one, last + 1 + index);
      return session.written.add(this.#parts.append(session.key, record)).applied;
    });
    const outcomes = await Promise.allSettled(judged);
    session.deriving.running = false;
    if (this.#closed || session.state === undefined) return;
    this.#note(session, owed, outcomes);
    this.examine(session);
  }

  #record(session: KeptSession, state: SessionState, owed: Owed, number: number): RecordJson {
    return {
      producer: this.#parts.producer,
      first: number,
      last: number,
      born: state.seq,
      actor: { tenant: session.tenant, participant: this.#parts.node, role: "ROLE_SYSTEM" },
      audience: owed.audience,
      cause: { seq: owed.causeSeq },
      ...(state.epoch !== undefined && { epoch: String(state.epoch) }),
      events: [...owed.events],
    };
  }

  /** What was refused is not tried again at once: the clock may be ahead of the log's, or the state has moved on. */
  #note(session: KeptSession, owed: readonly Owed[], outcomes: readonly PromiseSettledResult<Verdict>[]): void {
    const { deriving } = session;
    const problems = outcomes.map(problemOf);
    const first = problems.find((problem) => problem !== undefined);
    deriving.refusals = first === undefined ? 0 : deriving.refusals + 1;
    if (first === undefined) return;
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (deriving.refusals - 1), LONGEST_DELAY_MS);
    deriving.notBeforeMs = this.#parts.clock.now() + delayMs;
    const details = { session: session.key, problem: first, events: owed[problems.indexOf(first)]?.events, delayMs };
    if (deriving.refusals > 3) this.#parts.logger.warn(details, "a derived record is refused again and again");
    else this.#parts.logger.debug(details, "a derived record was refused");
  }

  /** Tells the pools what changed since the last look: for each run only the latest. */
  #signal(session: KeptSession, state: SessionState): void {
    const { signals, key, tenant } = session;
    const owed = new Map([...owedSignals(state, key), ...signals.left]);
    for (const [text, signal] of owed) {
      if (signals.owed.has(text)) continue;
      signals.pendingCount += 1;
      this.#parts.signals.send(tenant, signal, {
        isWanted: (again) => !this.#closed && (!again || signals.owed.has(text)),
        onSettled: () => this.#signalled(session, text),
      });
    }
    signals.owed = new Set(owed.keys());
  }

  #signalled(session: KeptSession, text: string): void {
    const { signals } = session;
    const wasLeft = signals.left.delete(text);
    signals.pendingCount -= 1;
    const settled = signals.pendingCount === 0 && signals.writtenAsOwing;
    if (settled || wasLeft) this.#parts.onSettled(session);
  }
}

function problemOf(outcome: PromiseSettledResult<Verdict>): string | undefined {
  if (outcome.status === "rejected") return String(outcome.reason);
  const verdict = outcome.value;
  return verdict.kind === "rejected" ? verdict.code : undefined;
}
