import { fromJsonText, jsonText, PerdureError } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import type { RunScope } from "./scope.ts";

/** What a step may leave for later attempts. */
const RESULT_BYTES = 64 * 1024;
const ERROR_LENGTH = 1_000;

export interface StepOptions {
  /** For people. */
  readonly label?: string;
}

/** Work inside a step: its id, and what makes it stop. */
export interface StepContext {
  readonly id: string;
  readonly key: string;
  readonly signal: AbortSignal;
}

/**
 * Parts of a run that are done once, whatever the number of attempts: a later attempt gets the result, which is JSON,
 * and does over only what was not finished.
 */
export class Steps {
  readonly #scope: RunScope;
  readonly #running = new Map<string, Promise<unknown>>();
  #open: string[] = [];
  /** What this attempt began, by key: the view may not show it yet. */
  readonly #begun = new Map<string, string>();
  readonly #calls = new Map<string, number>();

  constructor(scope: RunScope) {
    this.#scope = scope;
  }

  /** A key for a step that was given none: its kind and how many of it there were before, the same in each attempt. */
  keyOf(kind: string): string {
    const call = (this.#calls.get(kind) ?? 0) + 1;
    this.#calls.set(kind, call);
    return `${kind}:${call}`;
  }

  /** The step that was started last and is still open: what progress speaks of. */
  currentId(): string | undefined {
    return this.#open.at(-1);
  }

  /**
   * The result of the step as an earlier call or attempt left it, or of `work`, kept before this settles. Throws what
   * `work` throws, and PerdureError: `invalid_event` or `too_large` (the result), or why the run has to stop.
   */
  async run(key: string, options: StepOptions, work: (step: StepContext) => unknown): Promise<unknown> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    await this.#scope.unpaused();
    const known = this.#scope.step(key);
    if (known?.phase === "STEP_PHASE_DONE") return fromJsonText(known.result);
    const doing = this.#running.get(key) ?? this.#do(key, options, work);
    this.#running.set(key, doing);
    try {
      return await doing;
    } finally {
      this.#running.delete(key);
    }
  }

  async #do(key: string, options: StepOptions, work: (step: StepContext) => unknown): Promise<unknown> {
    const { runId, signal } = this.#scope;
    const former = this.#begun.get(key) ?? this.#scope.step(key)?.id;
    if (former !== undefined) this.#scope.void(former);
    let stepId = "";
    await this.#scope.write((id) => {
      stepId = id(0);
      return [{ stepStarted: { runId, key, label: options.label ?? "" } }];
    });
    this.#begun.set(key, stepId);
    this.#open.push(stepId);
    try {
      const result = jsonText(`the result of step ${key}`, await work({ id: stepId, key, signal }), RESULT_BYTES);
      const closed = await this.#scope.write(() => [{ stepClosed: { stepId, result } }]);
      await closed.applied;
      // What a later attempt will get, so that a result that changes on the way through JSON shows at once.
      return fromJsonText(result);
    } catch (error) {
      await this.#close(stepId, error);
      throw error;
    } finally {
      this.#open = this.#open.filter((id) => id !== stepId);
    }
  }

  async #close(stepId: string, cause: unknown): Promise<void> {
    await this.#scope.settled();
    const error = (cause instanceof Error ? cause.message : String(cause)).slice(0, ERROR_LENGTH) || "failed";
    const event: EventJson = { stepClosed: { stepId, error } };
    try {
      this.#scope.writeNow(() => [event]);
    } catch (failure) {
      // An attempt that can write no more leaves its step open; the next one supersedes it.
      if (!(failure instanceof PerdureError)) throw failure;
    }
  }
}
