import {
  type Accepted,
  type Code,
  fold,
  type Limits,
  LIMITS,
  newSession,
  PerdureError,
  type SessionState,
  type Verdict,
} from "@perdure/core";
import { type Appended, LogError } from "@perdure/log";
import type { RecordJson } from "@perdure/protocol";
import type { HeldSession, Publication, Replica, SessionListener } from "../api.ts";

const RETRY_MS = 10;

/** One hold on it. */
interface Holder {
  readonly listener: SessionListener;
  readonly ending: PromiseWithResolvers<never>;
  lost: PerdureError | undefined;
}

/** A replica of one session, which a test can take away from its holders; what is published is folded at once. */
export class OneSession implements Replica {
  readonly state: SessionState;
  attaches = 0;
  /** Why it cannot be attached now. */
  away: Code | undefined;
  /** Nothing that is published reaches the log now. */
  isCutOff = false;
  /** What is published is in the log, and its verdict does not come. */
  isMute = false;
  /** What is published is on its way to the log until `arrive`. */
  isSlow = false;
  readonly #onTheWay: (() => void)[] = [];
  /** Of what was appended without being judged here. */
  readonly appended: RecordJson[] = [];
  readonly #recentCount: number;
  #recent: Accepted[] = [];
  #offset = 0;
  readonly #holders = new Set<Holder>();

  /** `recentCount`: accepted records that are kept for readers with a cursor. */
  constructor(recentCount = 0, limits: Partial<Limits> = {}) {
    this.#recentCount = recentCount;
    this.state = newSession({ ...LIMITS, ...limits });
  }

  async attach(sessionKey: string, listener: SessionListener): Promise<HeldSession> {
    this.attaches += 1;
    await Promise.resolve();
    if (this.away !== undefined) throw new PerdureError(this.away, "away", { retryAfterMs: RETRY_MS });
    const holder: Holder = { listener, ending: Promise.withResolvers(), lost: undefined };
    holder.ending.promise.catch(() => undefined);
    this.#holders.add(holder);
    return {
      sessionKey,
      state: this.state,
      acceptedSince: (seq) => this.#since(seq),
      publish: (record) => this.#publishBy(holder, record),
      detach: () => void this.#holders.delete(holder),
    };
  }

  publish(record: RecordJson): Publication {
    if (this.isCutOff) return refused(new LogError("unavailable", "cut off", { retryAfterMs: RETRY_MS }));
    this.#offset += 1;
    const { verdict, accepted } = fold(this.state, record, { offset: this.#offset, timeMs: this.#offset });
    if (accepted !== undefined && accepted.seq > 0)
      this.#recent = [...this.#recent, accepted].slice(-this.#recentCount);
    if (accepted !== undefined) for (const { listener } of this.#holders) listener.onAccepted(accepted);
    return { stored: Promise.resolve({ partition: 0, offset: this.#offset }), applied: Promise.resolve(verdict) };
  }

  append = async (_sessionKey: string, record: RecordJson): ReturnType<Replica["append"]> => {
    this.appended.push(record);
    return Promise.resolve({ partition: 0, offset: 0 });
  };

  /** What is on its way is in the log, whoever it was that published it. */
  arrive(): void {
    this.isSlow = false;
    for (const publish of this.#onTheWay.splice(0)) publish();
  }

  /** Records that are on their way. */
  get onTheWayCount(): number {
    return this.#onTheWay.length;
  }

  lose(code: Code): void {
    const holders = [...this.#holders];
    this.#holders.clear();
    for (const holder of holders) {
      holder.lost = new PerdureError(code, "lost here", { retryAfterMs: RETRY_MS });
      holder.ending.reject(holder.lost);
      holder.listener.onLost(code);
    }
  }

  get held(): boolean {
    return this.holdCount > 0;
  }

  get holdCount(): number {
    return this.#holders.size;
  }

  readPage = (): Promise<undefined> => Promise.resolve(undefined);
  close = (): Promise<void> => Promise.resolve();

  #publishBy({ lost, ending }: Holder, record: RecordJson): Publication {
    if (lost !== undefined) return refused(lost);
    if (this.isSlow) return this.#publishSlowly(ending.promise, record);
    const published = this.publish(record);
    return this.isMute ? { ...published, applied: ending.promise } : published;
  }

  #publishSlowly(ending: Promise<never>, record: RecordJson): Publication {
    const { promise, resolve } = Promise.withResolvers<Publication>();
    this.#onTheWay.push(() => resolve(this.publish(record)));
    const stored = promise.then((published) => published.stored);
    const applied = Promise.race([ending, promise.then((published) => published.applied)]);
    for (const outcome of [stored, applied]) outcome.catch(() => undefined);
    return { stored, applied };
  }

  #since(seq: number): readonly Accepted[] | undefined {
    const records = this.#recent.filter((accepted) => accepted.seq > seq);
    const reaches = seq === this.state.seq || (this.#recentCount > 0 && records[0]?.seq === seq + 1);
    return reaches ? records : undefined;
  }
}

function refused(error: Error): Publication {
  const stored = Promise.reject<Appended>(error);
  const applied = Promise.reject<Verdict>(error);
  for (const outcome of [stored, applied]) outcome.catch(() => undefined);
  return { stored, applied };
}

/** Several of them, by key. */
export class ManySessions implements Replica {
  readonly #sessions: ReadonlyMap<string, OneSession>;

  constructor(sessions: ReadonlyMap<string, OneSession>) {
    this.#sessions = sessions;
  }

  async attach(sessionKey: string, listener: SessionListener): Promise<HeldSession> {
    const session = this.#sessions.get(sessionKey);
    if (session === undefined) throw new PerdureError("unavailable", `there is no ${sessionKey}`);
    return session.attach(sessionKey, listener);
  }

  async append(sessionKey: string, record: RecordJson): ReturnType<Replica["append"]> {
    const session = this.#sessions.get(sessionKey);
    if (session === undefined) throw new PerdureError("unavailable", `there is no ${sessionKey}`);
    return session.append(sessionKey, record);
  }

  readPage = (): Promise<undefined> => Promise.resolve(undefined);
  close = (): Promise<void> => Promise.resolve();
}
