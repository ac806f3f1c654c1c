/** Who has taken the session over, or is asked to, and what may be done about it here. */
import type { SessionView } from "@perdure/client";
import { element, setAttributes, setText } from "../dom.ts";

export interface FloorActions {
  takeOver(): Promise<void>;
  handBack(): Promise<void>;
}

type Shown = Pick<SessionView, "exists" | "takeover" | "members">;

export class FloorView {
  readonly root = element("div", { class: "floor", "data-testid": "floor" });
  readonly #words = element("p", { role: "status" });
  readonly #button = element("button", { class: "button", type: "button", "data-testid": "floor-button" });
  readonly #trouble = element("p", { class: "trouble", role: "alert" });
  readonly #isOperator: boolean;
  #hasFloor = false;

  /** `isOperator`: whoever uses this page may take sessions over. */
  constructor(actions: FloorActions, isOperator: boolean) {
    this.#isOperator = isOperator;
    this.root.append(this.#words, this.#button, this.#trouble);
    this.root.hidden = true;
    this.#button.addEventListener("click", () => {
      this.#do(this.#hasFloor ? actions.handBack() : actions.takeOver());
    });
  }

  show(view: Shown): void {
    const { exists, takeover } = view;
    const isClaimed = takeover?.phase === "claimed";
    this.#hasFloor = isClaimed && takeover.self;
    this.root.hidden = takeover === undefined && !(this.#isOperator && exists);
    this.#button.hidden = !this.#isOperator || (isClaimed && !takeover.self);
    setAttributes(this.root, { "data-phase": takeover?.phase ?? "free" });
    setText(this.#words, wordsFor(view));
    setText(this.#button, this.#hasFloor ? "Hand back" : "Take over");
  }

  #do(done: Promise<void>): void {
    setText(this.#trouble, "");
    done.catch((error: unknown) => setText(this.#trouble, error instanceof Error ? error.message : String(error)));
  }
}

function wordsFor({ takeover, members }: Shown): string {
  if (takeover === undefined) return "You are here as an operator; the agents have the floor.";
  const nameOf = (participant: string): string =>
    members.find((member) => member.participant === participant)?.name ?? participant;
  const { phase, self, holder, requestedBy, reason } = takeover;
  if (phase !== "claimed") return `${nameOf(requestedBy)} asks for a human${reason === "" ? "" : `: ${reason}`}`;
  return self
    ? "You have taken over. Agents wait until you hand back."
    : `${nameOf(holder)} has taken over. Agents wait until the session is handed back.`;
}
