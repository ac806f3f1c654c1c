import { PerdureError } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import type { Sent } from "./outbox.ts";
import type { IdOf } from "./outbox-lane.ts";
import type { MessageView, RunView, SessionView } from "./view.ts";

/** What became of a control signal: the agent acts on it, or not, and why. */
export type Receipt =
  | { readonly applied: true }
  /** `turn`: with `ifMissed: "send"`, what was sent instead. */
  | { readonly applied: false; readonly code: string; readonly turn?: Turn };

export interface SteerOptions {
  /** `send`: where the run is over before it could heed this, the text becomes an ordinary message. */
  readonly ifMissed?: "send";
}

/** How a turn ended. `run` is undefined where no agent was asked, or the run has left the recent state. */
export interface TurnResult {
  readonly run: RunView | undefined;
  /** What the run wrote, as far as it is recent. */
  readonly messages: readonly MessageView[];
}

/** What a turn needs of its session. */
export interface TurnSession {
  readonly view: SessionView;
  write(events: (idOf: IdOf) => readonly EventJson[]): Sent;
  /** Resolves with the first value that `look` finds, now or after a change. Rejects when the session is given up. */
  when<Found>(look: (view: SessionView) => Found | undefined): Promise<Found>;
  sendText(text: string, agent: string): Promise<Turn>;
  requestRun(agent: string, inputMessageId: string): Promise<Turn>;
  /** A person's message, after what is there. */
  messageEvents(text: string, idOf: IdOf): readonly EventJson[];
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "cancelled"]);

/** One piece of agent work, or the message that asked for it: follow it, steer it, stop it. */
export class Turn {
  readonly messageId: string | undefined;
  /** Undefined: no agent was asked. */
  readonly runId: string | undefined;
  readonly #session: TurnSession;
  #done: Promise<TurnResult> | undefined;

  constructor(session: TurnSession, messageId: string | undefined, runId: string | undefined) {
    this.#session = session;
    this.messageId = messageId;
    this.runId = runId;
  }

  /** Resolves when the run has completed, failed or been cancelled. Rejects with PerdureError when the session is given up. */
  get done(): Promise<TurnResult> {
    this.#done ??= this.#end();
    return this.#done;
  }

  /** Asks the agent to go on differently; people see the text as a message. */
  async steer(text: string, options: SteerOptions = {}): Promise<Receipt> {
    return this.#guide(text, options, (body) => ({ controlSteer: { ...body, text } }));
  }

  /** Asks for something else to be done instead, by the same agent or another. */
  async redirect(text: string, options: SteerOptions & { readonly agent?: string } = {}): Promise<Receipt> {
    const { agent } = options;
    return this.#guide(
      text,
      options,
      (body) => ({ controlRedirect: { ...body, text, ...(agent && { agent }) } }),
      agent,
    );
  }

  /** Stops the run. An agent that does not obey in time is cut off. */
  async cancel(reason = ""): Promise<Receipt> {
    const receipt = await this.#signal(() => [{ controlCancel: { runId: this.runId ?? "", reason } }]);
    // A run that nobody works on is cancelled without an agent's receipt.
    return this.#run(this.#session.view)?.phase === "cancelled" ? { applied: true } : receipt;
  }

  pause(): Promise<Receipt> {
    return this.#signal(() => [{ controlPause: { runId: this.runId ?? "" } }]);
  }

  resume(): Promise<Receipt> {
    return this.#signal(() => [{ controlResume: { runId: this.runId ?? "" } }]);
  }

  async #guide(
    text: string,
    options: SteerOptions,
    signal: (body: { readonly runId: string; readonly messageId: string }) => EventJson,
    agent = this.#run(this.#session.view)?.agent ?? "",
  ): Promise<Receipt> {
    let messageId = "";
    const receipt = await this.#signal(
      (idOf) => [...this.#session.messageEvents(text, idOf), signal({ runId: this.runId ?? "", messageId: idOf(0) })],
      (idOf) => (messageId = idOf(0)),
    );
    if (receipt.applied || options.ifMissed !== "send") return receipt;
    const isThere = this.#session.view.messageById.has(messageId);
    const turn = isThere ? await this.#session.requestRun(agent, messageId) : await this.#session.sendText(text, agent);
    return { ...receipt, turn };
  }

  /** Writes a record that ends with a signal, and waits for the agent's answer to that. */
  async #signal(
    events: (idOf: IdOf) => readonly EventJson[],
    onApplied: (idOf: IdOf) => void = () => undefined,
  ): Promise<Receipt> {
    if (this.runId === undefined) return { applied: false, code: "not_found" };
    let last = 0;
    const sent = this.#session.write((idOf) => {
      const written = events(idOf);
      last = written.length - 1;
      return written;
    });
    let idOf: IdOf;
    try {
      idOf = await sent;
    } catch (error) {
      if (error instanceof PerdureError) return { applied: false, code: error.code };
      throw error;
    }
    onApplied(idOf);
    return this.#session.when((view) => this.#receipt(view, idOf(last)));
  }

  #receipt(view: SessionView, controlId: string): Receipt | undefined {
    const control = view.controls.find(({ id }) => id === controlId);
    if (control?.receipt === "applied") return { applied: true };
    if (control?.receipt === "refused") return { applied: false, code: control.code || "refused" };
    const run = this.#run(view);
    return run === undefined || ENDED.has(run.phase) ? { applied: false, code: "run_ended" } : undefined;
  }

  async #end(): Promise<TurnResult> {
    const { runId } = this;
    if (runId === undefined) return { run: undefined, messages: [] };
    const view = await this.#session.when((now) => {
      const run = this.#run(now);
      return run === undefined || ENDED.has(run.phase) ? now : undefined;
    });
    return { run: this.#run(view), messages: view.messages.filter((message) => message.runId === runId) };
  }

  #run(view: SessionView): RunView | undefined {
    return view.runs.find(({ id }) => id === this.runId);
  }
}
