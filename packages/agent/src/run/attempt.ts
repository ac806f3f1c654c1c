import { isCode, jsonText, PerdureError } from "@perdure/core";
import type { ControlStateJson, EventJson, RunRequestedJson } from "@perdure/protocol";
import { endsAttempt } from "../errors.ts";
import type { SessionLink } from "../link/session-link.ts";
import type { Logger } from "../logger.ts";
import { Controls } from "./controls.ts";
import { Holds } from "./holds.ts";
import { Run } from "./run.ts";
import { RunScope } from "./scope.ts";
import { Steps } from "./steps.ts";

/** Does the work of a run. What it returns is the run's result; what it throws fails the run. */
export type RunHandler = (run: Run) => unknown;

export interface AttemptOptions {
  readonly link: SessionLink;
  readonly runId: string;
  readonly attempt: number;
  readonly logger: Logger;
}

const RESULT_BYTES = 64 * 1024;
const MESSAGE_LENGTH = 1_000;
const CODE_LENGTH = 64;

/** One attempt at a run by this process: enters the handler, watches that the attempt still holds, and says how it ended. */
export class Attempt {
  readonly #options: AttemptOptions;
  readonly #scope: RunScope;

  readonly #unfollow: (() => void)[];

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.#scope = new RunScope(options);
    this.#unfollow = [
      options.link.onChange((events) => {
        if (events === undefined || events.some(mayEndAttempt)) this.#checkHold();
      }),
      options.link.onBroken((error) => this.#scope.stop(error)),
    ];
  }

  /** Its fencing token. */
  get number(): number {
    return this.#options.attempt;
  }

  /** Stops it without a word in the session: the run is orphaned when the agent leaves, and offered again. */
  abandon(reason: PerdureError): void {
    this.#scope.stop(reason);
  }

  /** Settles when the handler has ended and what it wrote has been judged. Never throws. */
  async execute(handler: RunHandler): Promise<void> {
    const controls = new Controls(this.#scope);
    const holds = new Holds(this.#scope);
    try {
      const run = new Run(this.#scope, new Steps(this.#scope), controls, holds);
      const outcome = await settle(async () => handler(run));
      await this.#end(outcome, controls);
    } catch (error) {
      this.#options.logger.warn({ ...this.#fields(), err: error }, "a run could not say how it ended");
    } finally {
      for (const unfollow of this.#unfollow) unfollow();
      controls.close();
      holds.close();
    }
  }

  async #end(outcome: Outcome, controls: Controls): Promise<void> {
    await this.#scope.settled();
    const { stopped } = this.#scope;
    const { stoppedBy } = controls;
    if (stopped !== undefined && stoppedBy === undefined) {
      this.#options.logger.info(
        { ...this.#fields(), code: stopped.code },
        `a run's attempt is over: ${stopped.message}`,
      );
      return;
    }
    const ending = stoppedBy === undefined ? this.#endingOf(outcome) : this.#stoppedBy(stoppedBy);
    try {
      await this.#scope.writeNow(() => ending).applied;
    } catch (error) {
      if (!(error instanceof PerdureError) || endsAttempt(error)) return;
      await this.#scope.writeNow(() => [failed(this.#scope.runId, error)]).applied;
    }
  }

  #endingOf(outcome: Outcome): readonly EventJson[] {
    const { runId } = this.#scope;
    if ("error" in outcome) {
      this.#options.logger.error({ ...this.#fields(), err: outcome.error }, "a run failed");
      return [failed(runId, outcome.error)];
    }
    try {
      const result = outcome.value === undefined ? "" : jsonText("the run's result", outcome.value, RESULT_BYTES);
      return [{ runCompleted: { runId, result } }];
    } catch (error) {
      return [failed(runId, error)];
    }
  }

  /** Somebody stopped it; a redirect asks for another run instead. */
  #stoppedBy({ id = "", kind, agent = "", text = "", messageId = "" }: ControlStateJson): readonly EventJson[] {
    const run = this.#scope.run();
    const { runId } = this.#scope;
    const cancelled: EventJson = { runCancelled: { runId, controlId: id } };
    if (kind !== "CONTROL_KIND_REDIRECT") return [cancelled];
    const requested: RunRequestedJson = {
      agent: agent === "" ? (run.agent ?? "") : agent,
      inputMessageId: messageId === "" ? (run.inputMessageId ?? "") : messageId,
      parentRunId: runId,
      ...(text === "" ? {} : { input: JSON.stringify(text) }),
    };
    // Only while the attempt holds the run may it ask for another in its name.
    return [{ runRequested: requested }, cancelled];
  }

  /** Whether the session still says that the run is this attempt's; it has to stop where not. */
  #checkHold(): void {
    const { attempt, phase } = this.#scope.run();
    const held = phase === "RUN_PHASE_ACTIVE" || phase === "RUN_PHASE_SUSPENDED";
    if (held && attempt === this.#scope.attempt) return;
    const cancelled = phase === "RUN_PHASE_CANCELLED" && attempt === this.#scope.attempt;
    const code = cancelled ? "cancelled" : "fenced";
    this.#scope.stop(new PerdureError(code, "the run is no longer this attempt's"));
  }

  #fields(): object {
    return { session: this.#options.link.id, run: this.#options.runId, attempt: this.#options.attempt };
  }
}

const mayEndAttempt = (event: EventJson): boolean =>
  event.runAccepted !== undefined ||
  event.runCompleted !== undefined ||
  event.runFailed !== undefined ||
  event.runCancelled !== undefined ||
  event.runOrphaned !== undefined ||
  event.agentCrashed !== undefined ||
  event.agentLeft !== undefined ||
  event.takeoverReleased !== undefined ||
  event.sessionClosed !== undefined ||
  event.sessionCreated !== undefined;

type Outcome = { readonly value: unknown } | { readonly error: unknown };

async function settle(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

function failed(runId: string, error: unknown): EventJson {
  const message = (error instanceof Error ? error.message : String(error)).slice(0, MESSAGE_LENGTH);
  return { runFailed: { runId, code: codeOf(error).slice(0, CODE_LENGTH), message } };
}

/** The code that an error carries, ours or another library's; else its name. */
function codeOf(error: unknown): string {
  if (error instanceof PerdureError && isCode(error.code)) return error.code;
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.name : "failed";
}
