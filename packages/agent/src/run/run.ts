import { fromJsonText, type KnownDocument, SharedDocument } from "@perdure/core";
import type { HeadJson, MessageStateJson } from "@perdure/protocol";
import { ask } from "./ask.ts";
import type { Answer, AskOptions } from "./ask.ts";
import type { Chunk } from "./chunks.ts";
import type { Controls, SteerHandler } from "./controls.ts";
import { escalate } from "./escalate.ts";
import type { EscalateOptions, Escalation } from "./escalate.ts";
import type { HandBack, HandBackHandler, Holds } from "./holds.ts";
import { inputOf } from "./input.ts";
import type { RunInput } from "./input.ts";
import { pipe } from "./pipe.ts";
import type { PipeOptions } from "./pipe.ts";
import type { RunScope } from "./scope.ts";
import type { StepContext, StepOptions, Steps } from "./steps.ts";
import { toolCall } from "./tool-call.ts";
import type { ToolCallOptions } from "./tool-call.ts";

/** How far a run is, for people. */
export interface Progress {
  readonly label?: string;
  /** Part done, 0 to 1; absent: unknown. */
  readonly fraction?: number;
  /** Time still needed, in milliseconds; absent: unknown. */
  readonly etaMs?: number;
}

/** What a model's answer cost, in tokens. */
export interface Usage {
  readonly provider: string;
  readonly model: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheCreationTokens?: number;
  readonly reasoningTokens?: number;
  /** In millionths of `currency`. */
  readonly costMicros?: number;
  /** ISO 4217. */
  readonly currency?: string;
  /** The provider's id of the answer; reported again, it counts once. */
  readonly responseId?: string;
}

/** The session as the run's agent sees it now. */
export interface SessionView {
  readonly id: string;
  /** Open and recent messages, oldest first. */
  readonly messages: readonly MessageStateJson[];
  /** Everything, as in the schema. */
  readonly head: HeadJson;
}

/** One attempt at a run: what a handler works with. */
export class Run {
  readonly #scope: RunScope;
  readonly #steps: Steps;
  readonly #controls: Controls;
  readonly #holds: Holds;
  readonly input: RunInput;

  constructor(scope: RunScope, steps: Steps, controls: Controls, holds: Holds) {
    this.#scope = scope;
    this.#steps = steps;
    this.#controls = controls;
    this.#holds = holds;
    this.input = inputOf(scope);
  }

  get id(): string {
    return this.#scope.runId;
  }

  /** Which attempt this is, counting from 1. */
  get attempt(): number {
    return this.#scope.run().attempts ?? 1;
  }

  /** Aborted when somebody stops the run, or when another attempt has taken its place; the reason is a PerdureError. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get session(): SessionView {
    const scope = this.#scope;
    return {
      id: scope.link.id,
      get messages() {
        return scope.head().messages ?? [];
      },
      get head() {
        return scope.head();
      },
    };
  }

  /**
   * Does a part of the work once: a later attempt gets the result, which is JSON, instead. Keys name steps within the
   * run. Throws what `work` throws, and PerdureError: `too_large`, `invalid_event` (the result), or why the run stops.
   */
  async step<T>(key: string, work: (step: StepContext) => T | Promise<T>, options: StepOptions = {}): Promise<T> {
    // What comes back is what `work` returned, by way of JSON, in this attempt or an earlier one.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await this.#steps.run(key, options, work)) as T;
  }

  /** Streams into the session what an iterable yields, as a durable step. Resolves to its text. */
  async pipe(source: AsyncIterable<Chunk> | Iterable<Chunk>, options: PipeOptions = {}): Promise<string> {
    return pipe(this.#scope, this.#steps, source, options);
  }

  /** Calls a tool as a durable step and shows call and result. Resolves to the output, which is JSON. */
  async toolCall<T>(
    call: { readonly name: string; readonly input: unknown },
    work: (step: StepContext) => T | Promise<T>,
    options: ToolCallOptions = {},
  ): Promise<T> {
    // As in `step`.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return (await toolCall(this.#scope, this.#steps, call, work, options)) as T;
  }

  /** Asks people, and waits for the first who answers, over attempts: nobody is asked twice. */
  async ask(options: AskOptions): Promise<Answer> {
    return ask(this.#scope, this.#steps, options);
  }

  /** Asks for a human, and waits until one had the floor and gave it back, over attempts: nobody is asked for twice. */
  async escalate(options: EscalateOptions): Promise<Escalation> {
    return escalate(this.#scope, this.#steps, options);
  }

  /** What the last human left who had the floor in this run's time; in a later attempt, too. */
  get handBack(): HandBack | undefined {
    return this.#holds.handBack;
  }

  /** Hears of a floor that is given back, before the run goes on. */
  onHandBack(handler: HandBackHandler): void {
    this.#holds.onHandBack(handler);
  }

  /** JSON that is shared with everybody in the session. */
  document(name: string): SharedDocument {
    const look = (): KnownDocument | undefined => {
      const { documents = [] } = this.#scope.head();
      const known = documents.find((one) => one.name === name && one.audience === "AUDIENCE_ALL");
      return known && { value: fromJsonText(known.content), changed: known.changed ?? 0 };
    };
    return new SharedDocument(name, look, async (event) => {
      const written = await this.#scope.write(() => [event], "AUDIENCE_ALL");
      await written.applied;
    });
  }

  /** Says how far the run is. Only the latest word counts; nothing is waited for. */
  progress(progress: Progress): void {
    const { label = "", fraction, etaMs } = progress;
    const stepId = this.#steps.currentId() ?? "";
    this.#scope.say({
      agentProgress: {
        runId: this.id,
        stepId,
        label,
        ...(fraction === undefined ? {} : { fraction: Math.round(Math.min(Math.max(fraction, 0), 1) * 1_000) }),
        ...(etaMs === undefined ? {} : { etaMs: Math.max(0, Math.round(etaMs)) }),
      },
    });
  }

  /** Adds to what the session has cost, also while the run waits. Settles when it counts. */
  async usage(usage: Usage): Promise<void> {
    const { costMicros, ...rest } = usage;
    const cost = costMicros === undefined ? {} : { costMicros: String(costMicros) };
    const stepId = this.#steps.currentId() ?? "";
    const written = await this.#scope.report(() => [{ usageReported: { runId: this.id, stepId, ...rest, ...cost } }]);
    await written.applied;
  }

  /** Hears people who want something heeded while the run goes on; each steer is applied when the handler settles. */
  onSteer(handler: SteerHandler): void {
    this.#controls.onSteer(handler);
  }
}
