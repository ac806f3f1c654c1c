import { PerdureError } from "@perdure/core";
import type { AnswerActionJson, EventJson } from "@perdure/protocol";
import type { Sent } from "./outbox.ts";
import type { RequestView, SessionView } from "./view.ts";

/** Whether this answer decided, or who was first. `code`: why not, where nobody was. */
export type AnswerOutcome =
  | { readonly won: true }
  | { readonly won: false; readonly winner: string | undefined; readonly code: string };

/** A question that waits for an answer; the first one decides. */
export interface Ask {
  readonly request: RequestView;
  /** Aborted when somebody else has answered, or nobody needs to any more. */
  readonly signal: AbortSignal;
  /** A choice's value, or data that fits the schema. */
  answer(value: unknown): Promise<AnswerOutcome>;
  decline(): Promise<AnswerOutcome>;
  /** Closes the question without deciding. */
  cancel(): Promise<AnswerOutcome>;
}

/** Hands each open question to a handler once, and tells it when the question is settled elsewhere. */
export class AskWatch {
  readonly #handler: (ask: Ask) => unknown;
  readonly #write: (event: EventJson) => Sent;
  readonly #open = new Map<string, AbortController>();

  constructor(handler: (ask: Ask) => unknown, write: (event: EventJson) => Sent) {
    this.#handler = handler;
    this.#write = write;
  }

  /** `role`: of whoever is asked; only questions that it may answer are handed on. */
  onView({ requests }: SessionView, role: string): void {
    const ids = new Set(requests.map(({ id }) => id));
    for (const [id, controller] of this.#open) {
      if (ids.has(id)) continue;
      this.#open.delete(id);
      controller.abort();
    }
    for (const request of requests) {
      if (!this.#open.has(request.id) && mayAnswer(request, role)) this.#hand(request);
    }
  }

  stop(): void {
    for (const controller of this.#open.values()) controller.abort();
    this.#open.clear();
  }

  #hand(request: RequestView): void {
    const controller = new AbortController();
    this.#open.set(request.id, controller);
    const answer = (action: AnswerActionJson, payload?: string): Promise<AnswerOutcome> =>
      this.#answer({ requestId: request.id, action, ...(payload !== undefined && { payload }) });
    this.#handler({
      request,
      signal: controller.signal,
      answer: (value) => answer("ANSWER_ACTION_ACCEPT", JSON.stringify(value)),
      decline: () => answer("ANSWER_ACTION_DECLINE"),
      cancel: () => answer("ANSWER_ACTION_CANCEL"),
    });
  }

  async #answer(requestAnswered: NonNullable<EventJson["requestAnswered"]>): Promise<AnswerOutcome> {
    try {
      await this.#write({ requestAnswered });
      return { won: true };
    } catch (error) {
      if (!(error instanceof PerdureError)) throw error;
      return { won: false, winner: error.winner, code: error.code };
    }
  }
}

const DEFAULT_ROLES: readonly string[] = ["user", "operator"];

const mayAnswer = ({ roles }: RequestView, role: string): boolean =>
  (roles.length === 0 ? DEFAULT_ROLES : roles).includes(role);
