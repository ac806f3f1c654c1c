import type { Clock } from "@perdure/replica";
import type { Logger } from "@perdure/service-kit";

export interface ExpiryHoldParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long many nodes that fall silent at once are waited for; 0: not at all. */
  readonly holdMs: number;
  /** Somebody has to look at it. */
  readonly onAlert: () => void;
}

/** The nodes whose leases run, and those of them that are silent. */
export interface Silence {
  readonly runningCount: number;
  readonly silentCount: number;
}

/**
 * Where more than half of the nodes fall silent at once it is more likely that something between them and the keeper is
 * broken than that they all died. Their expiries are held for a time, in which they may be heard again.
 */
export class ExpiryHold {
  readonly #parts: ExpiryHoldParts;
  #sinceMs: number | undefined;
  #heldCount = 0;

  constructor(parts: ExpiryHoldParts) {
    this.#parts = parts;
  }

  /** Nodes whose expiry is being held. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** Whether nobody may be declared dead now. */
  holds({ runningCount, silentCount }: Silence): boolean {
    if (silentCount * 2 <= runningCount || this.#parts.holdMs === 0) {
      if (this.#heldCount > 0) this.#parts.logger.warn({ silentCount, runningCount }, "enough nodes are heard again");
      this.forget();
      return false;
    }
    const nowMs = this.#parts.clock.now();
    if (this.#sinceMs === undefined) this.#begin({ runningCount, silentCount });
    this.#sinceMs ??= nowMs;
    if (nowMs - this.#sinceMs < this.#parts.holdMs) {
      this.#heldCount = silentCount;
      return true;
    }
    if (this.#heldCount > 0) this.#parts.logger.error({ silentCount, runningCount }, "still silent: held no longer");
    this.#heldCount = 0;
    return false;
  }

  /** What was seen counts no more: the keeper does not hear, or it is another one's turn. */
  forget(): void {
    this.#sinceMs = undefined;
    this.#heldCount = 0;
  }

  #begin(silence: Silence): void {
    const { logger, holdMs, onAlert } = this.#parts;
    onAlert();
    logger.error(
      { ...silence, holdMs },
      "more than half of the nodes are silent at once: none is declared dead for now. Look at the network and the log",
    );
  }
}
