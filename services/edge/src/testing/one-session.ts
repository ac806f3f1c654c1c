import {
  type Accepted,
  type Code,
  fold,
  type Limits,
  LIMITS,
  newSession,
  PerdureError,
  type SessionState,
} from "@perdure/core";
import { LogError } from "@perdure/log";
import type { RecordJson } from "@perdure/protocol";
import type { HeldSession, Publication, Replica, SessionListener } from "@perdure/replica";

/** A replica of one session, which a test can take away from its holders; what is published is folded at once. */
export class OneSession implements Replica {
  readonly state: SessionState;
  attaches = 0;
  /** Why it cannot be attached now. */
  away: Code | undefined;
  /** Nothing that is published reaches the log now. */
  isCutOff = false;
  /** Of what was appended without being judged here. */
  readonly appended: RecordJson[] = [];
  readonly #recentCount: number;
  #recent: Accepted[] = [];
  #offset = 0;
  #listener: SessionListener | undefined;

  /** `recentCount`: accepted records that are kept for readers with a cursor. */
  constructor(recentCount = 0, limits: Partial<Limits> = {}) {
    this.#recentCount = recentCount;
    this.state = newSession({ ...LIMITS, ...limits });
  }

  async attach(sessionKey: string, listener: SessionListener): Promise<HeldSession> {
    this.attaches += 1;
    await Promise.resolve();
    if (this.away !== undefined) throw new PerdureError(this.away, "away", { retryAfterMs: 10 });
    this.#listener = listener;
    return {
      sessionKey,
      state: this.state,
      acceptedSince: (seq) => this.#since(seq),
      publish: (record) => this.publish(record),
      detach: () => {
        this.#listener = undefined;
      },
    };
  }

  publish(record: RecordJson): Publication {
    if (this.isCutOff) {
      const stored = Promise.reject(new LogError("unavailable", "cut off", { retryAfterMs: 10 }));
      return { stored, applied: new Promise(() => undefined) };
    }
    this.#offset += 1;
    const { verdict, accepted } = fold(this.state, record, { offset: this.#offset, timeMs: this.#offset });
    if (accepted !== undefined && accepted.seq > 0)
      this.#recent = [...this.#recent, accepted].slice(-this.#recentCount);
    if (accepted !== undefined) this.#listener?.onAccepted(accepted);
    return { stored: Promise.resolve({ partition: 0, offset: this.#offset }), applied: Promise.resolve(verdict) };
  }

  append = async (_sessionKey: string, record: RecordJson): ReturnType<Replica["append"]> => {
    this.appended.push(record);
    return Promise.resolve({ partition: 0, offset: 0 });
  };

  lose(code: string): void {
    this.#listener?.onLost(code);
    this.#listener = undefined;
  }

  get held(): boolean {
    return this.#listener !== undefined;
  }

  readPage = (): Promise<undefined> => Promise.resolve(undefined);
  close = (): Promise<void> => Promise.resolve();

  #since(seq: number): readonly Accepted[] | undefined {
    const records = this.#recent.filter((accepted) => accepted.seq > seq);
    const reaches = seq === this.state.seq || (this.#recentCount > 0 && records[0]?.seq === seq + 1);
    return reaches ? records : undefined;
  }
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
