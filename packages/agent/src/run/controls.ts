import { PerdureError } from "@perdure/core";
import type { AudienceJson, ControlStateJson, EventJson, ReceiptStateJson } from "@perdure/protocol";
import type { ChangeListener } from "../link/session-link.ts";
import type { RunScope } from "./scope.ts";

/** What somebody wants heeded while the run goes on. */
export interface Steer {
  readonly text: string;
  /** The message that says it, where there is one. */
  readonly messageId: string | undefined;
  /** Participant that steers. */
  readonly by: string;
}

export type SteerHandler = (steer: Steer) => unknown;

const STOPPED = "somebody asked the run to stop";

const isControl = (event: EventJson): boolean =>
  event.controlCancel !== undefined ||
  event.controlSteer !== undefined ||
  event.controlRedirect !== undefined ||
  event.controlPause !== undefined ||
  event.controlResume !== undefined;

/**
 * Obeys the signals that people send to a run: each gets a receipt when it is heard, and another when it is obeyed or
 * not. Signals that came before this attempt and were not settled are obeyed as well.
 */
export class Controls {
  readonly #scope: RunScope;
  readonly #seen = new Set<string>();
  readonly #unfollow: () => void;
  /** Steers that came before anyone listened. */
  #waiting: ControlStateJson[] = [];
  #onSteer: SteerHandler | undefined;
  #stoppedBy: ControlStateJson | undefined;

  constructor(scope: RunScope) {
    this.#scope = scope;
    const onChange: ChangeListener = (events) => {
      if (events === undefined || events.some(isControl)) this.#look();
    };
    this.#unfollow = scope.link.onChange(onChange);
    this.#look();
  }

  /** The cancel or redirect that stopped the run. */
  get stoppedBy(): ControlStateJson | undefined {
    return this.#stoppedBy;
  }

  /** Steers go to `handler` from now on, those too that came before; each is applied when the handler settles. */
  onSteer(handler: SteerHandler): void {
    this.#onSteer = handler;
    for (const control of this.#waiting.splice(0)) void this.#steer(control, handler);
  }

  /** The run is at its end, which settles what nobody heeded. */
  close(): void {
    this.#unfollow();
    this.#waiting = [];
  }

  #look(): void {
    const { controls = [] } = this.#scope.head();
    for (const control of controls) {
      const { id = "", runId, receipt: level } = control;
      const open = level === "RECEIPT_LEVEL_SENT" || level === "RECEIPT_LEVEL_RECEIVED";
      if (runId !== this.#scope.runId || !open || this.#seen.has(id)) continue;
      this.#seen.add(id);
      this.#obey(control);
    }
  }

  #obey(control: ControlStateJson): void {
    if (control.receipt === "RECEIPT_LEVEL_SENT") this.#answer(control, "RECEIPT_STATE_RECEIVED");
    switch (control.kind) {
      case "CONTROL_KIND_CANCEL":
      case "CONTROL_KIND_REDIRECT":
        this.#stoppedBy ??= control;
        if (control.kind === "CONTROL_KIND_REDIRECT") this.#answer(control, "RECEIPT_STATE_APPLIED");
        this.#scope.stop(
          new PerdureError("cancelled", control.text === undefined || control.text === "" ? STOPPED : control.text),
        );
        return;
      case "CONTROL_KIND_PAUSE":
        this.#pause(control);
        return;
      case "CONTROL_KIND_RESUME":
        this.#resume(control);
        return;
      case "CONTROL_KIND_STEER":
        if (this.#onSteer === undefined) this.#waiting.push(control);
        else void this.#steer(control, this.#onSteer);
        return;
      case "CONTROL_KIND_UNSPECIFIED":
      case undefined:
        this.#answer(control, "RECEIPT_STATE_REFUSED", "unsupported");
    }
  }

  #pause(control: ControlStateJson): void {
    const { runId, paused } = this.#scope;
    this.#scope.wait("paused");
    if (!paused) this.#write({ runSuspended: { runId, reason: "SUSPEND_REASON_PAUSED" } });
    this.#answer(control, "RECEIPT_STATE_APPLIED");
  }

  #resume(control: ControlStateJson): void {
    const { runId, paused } = this.#scope;
    if (paused) this.#write({ runResumed: { runId } });
    this.#answer(control, "RECEIPT_STATE_APPLIED");
    this.#scope.goOn("paused");
  }

  async #steer(control: ControlStateJson, handler: SteerHandler): Promise<void> {
    const { text = "", messageId = "", by = "" } = control;
    try {
      await handler({ text, messageId: messageId === "" ? undefined : messageId, by });
      this.#answer(control, "RECEIPT_STATE_APPLIED");
    } catch {
      this.#answer(control, "RECEIPT_STATE_REFUSED", "failed");
    }
  }

  // The receipt is a record of its own: it has the signal's audience, and counts whatever becomes of the rest.
  #answer(control: ControlStateJson, state: ReceiptStateJson, code = ""): void {
    this.#write({ controlReceipt: { controlId: control.id ?? "", state, code } }, control.audience);
  }

  #write(event: EventJson, audience?: AudienceJson): void {
    try {
      this.#scope.writeNow(() => [event], audience);
    } catch (error) {
      // The attempt can write no more; its end says why.
      if (!(error instanceof PerdureError)) throw error;
    }
  }
}
