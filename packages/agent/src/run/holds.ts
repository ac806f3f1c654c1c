import type { EventJson, HeadJson, TakeoverStateJson } from "@perdure/protocol";
import type { RunScope } from "./scope.ts";

/** What a human leaves who had the floor while the run waited. */
export interface HandBack {
  /** For the agent; may be empty. */
  readonly note: string;
  /** Participant that had the floor. */
  readonly by: string;
  /** `abandoned`: they stayed away for too long. */
  readonly outcome: "handed_back" | "abandoned";
}

export type HandBackHandler = (handBack: HandBack) => void;

const mayHold = (event: EventJson): boolean =>
  event.takeoverClaimed !== undefined ||
  event.takeoverReleased !== undefined ||
  event.participantRemoved !== undefined ||
  event.budgetSet !== undefined ||
  event.budgetExhausted !== undefined ||
  event.budgetLifted !== undefined;

/** Keeps a run from going on while an operator has the floor or a budget is used up, and hears what they leave. */
export class Holds {
  readonly #scope: RunScope;
  readonly #unfollow: () => void;
  readonly #handlers = new Set<HandBackHandler>();
  #heardId: string | undefined;

  constructor(scope: RunScope) {
    this.#scope = scope;
    this.#heardId = this.#released()?.id;
    this.#unfollow = scope.link.onChange((events) => {
      if (events === undefined || events.some(mayHold)) this.#look();
    });
    this.#look();
  }

  /** What the last human left who had the floor in this run's time. */
  get handBack(): HandBack | undefined {
    const { note = "", holder = "", outcome } = this.#released() ?? {};
    // What is resolved has ended the run.
    if (holder === "" || outcome === "TAKEOVER_OUTCOME_RESOLVED") return undefined;
    return { note, by: holder, outcome: outcome === "TAKEOVER_OUTCOME_ABANDONED" ? "abandoned" : "handed_back" };
  }

  /** `handler` hears of every floor that is given back from now on, before the run goes on. */
  onHandBack(handler: HandBackHandler): void {
    this.#handlers.add(handler);
  }

  close(): void {
    this.#unfollow();
    this.#handlers.clear();
  }

  #look(): void {
    const released = this.#released();
    const { handBack } = this;
    if (released !== undefined && released.id !== this.#heardId && handBack !== undefined) {
      this.#heardId = released.id;
      for (const handler of this.#handlers) handler(handBack);
    }
    if (isHeld(this.#scope.head())) this.#scope.wait("held");
    else this.#scope.goOn("held");
  }

  #released(): TakeoverStateJson | undefined {
    const { takeoverId } = this.#scope.run();
    const takeover = this.#scope.head().takeovers?.find(({ id }) => id === takeoverId);
    return takeover?.phase === "TAKEOVER_PHASE_RELEASED" ? takeover : undefined;
  }
}

const isHeld = ({ takeovers = [], budgets = [] }: HeadJson): boolean =>
  takeovers.some(({ phase }) => phase === "TAKEOVER_PHASE_CLAIMED") ||
  budgets.some(({ phase }) => phase === "BUDGET_PHASE_EXHAUSTED");
