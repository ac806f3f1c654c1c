// Somebody on a device: a client of the SDK in this process, and what they see.
import { type Client, createClient, type Session, type SessionView } from "@perdure/client";
import type { Servers } from "./servers.ts";
import { DEADLINE_MS } from "./until.ts";

export class Person {
  readonly session: Session;
  readonly #client: Client;

  /** `agentGraceMs`: of a session that begins with what they send. */
  constructor(servers: Servers, sessionId: string, agentGraceMs?: number) {
    this.#client = createClient({ url: servers.edgeUrl, getToken: () => servers.token(), maxDelayMs: 1_000 });
    this.session = this.#client.session(sessionId, agentGraceMs === undefined ? {} : { agentGraceMs });
  }

  close(): void {
    this.#client.close();
  }

  /** What they see of a run's answer. */
  answer(runId: string): string {
    const own = this.session.view.messages.filter((message) => message.runId === runId);
    return own.map(({ text }) => text).join("");
  }

  phase(runId: string): string | undefined {
    return this.session.view.runs.find(({ id }) => id === runId)?.phase;
  }

  /** Resolves when `look` finds something in what they see, now or after a change. Throws at the deadline. */
  async sees<T>(what: string, look: (view: SessionView) => T | undefined | false): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const late = setTimeout(
      () => reject(new Error(`never seen: ${what}; status ${JSON.stringify(this.session.status)}`)),
      DEADLINE_MS,
    );
    const end = this.session.select(
      (view) => view,
      (view) => {
        const found = look(view);
        if (found !== undefined && found !== false) resolve(found);
      },
    );
    return promise.finally(() => {
      clearTimeout(late);
      end();
    });
  }

  /** Resolves when the answer is at least so long. */
  async seesLength(runId: string, length: number): Promise<void> {
    await this.sees(
      `an answer of ${length} characters (now ${this.answer(runId).length})`,
      () => this.answer(runId).length >= length,
    );
  }

  async seesEnd(runId: string): Promise<void> {
    await this.sees(`the end of run ${runId}`, () => this.phase(runId) === "completed");
  }
}
