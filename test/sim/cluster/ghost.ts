import { isAlive } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import type { HeldSession, Replica } from "@perdure/replica";
import type { SimProcess } from "../world/process.ts";
import type { Random } from "../world/random.ts";
import { TENANT } from "./tokens.ts";

/** What somebody once worked on. */
interface Haunted {
  readonly runId: string;
  readonly attempt: number;
  readonly instance: string;
}

export interface GhostParts {
  /** Unique, and what its producers' names begin with. */
  readonly name: string;
  readonly sessionKey: string;
  readonly process: SimProcess;
  readonly replica: Replica;
  readonly random: Random;
}

const AGAIN_MS = 1_000;

/**
 * Writes in a session for attempts that others have taken over since, and for instances that have crashed, as an agent
 * does that was stopped and knows nothing of it: as soon as either is in the log, when fencing is all that keeps it out.
 */
export class Ghost {
  readonly #parts: GhostParts;
  readonly #haunted = new Map<number, Haunted>();
  #written = 0;

  constructor(parts: GhostParts) {
    this.#parts = parts;
  }

  /** It goes on as long as its process. */
  begin(): void {
    void this.#follow();
  }

  async #follow(): Promise<void> {
    const { replica, sessionKey, process } = this.#parts;
    const again = (): void => void process.after(AGAIN_MS, () => void this.#follow());
    let held: HeldSession | undefined;
    try {
      held = await replica.attach(sessionKey, {
        onAccepted: ({ events }) => {
          if (held !== undefined && events.some(isOmen)) this.#haunt(held);
        },
        onLost: again,
      });
      this.#haunt(held);
    } catch {
      again();
    }
  }

  #haunt(held: HeldSession): void {
    const { runs, agents } = held.state;
    for (const { id: runId, attempt, instance } of runs.values()) {
      if (attempt > 0) this.#haunted.set(attempt, { runId, attempt, instance });
    }
    for (const haunted of this.#haunted.values()) {
      const current = runs.get(haunted.runId)?.attempt;
      if (current === undefined) this.#haunted.delete(haunted.attempt);
      else if (current !== haunted.attempt || !isAlive(agents.get(haunted.instance))) this.#write(held, haunted);
    }
  }

  #write(held: HeldSession, { runId, attempt, instance }: Haunted): void {
    const events: readonly EventJson[] = [
      this.#parts.random.of<EventJson>([
        { agentProgress: { runId, label: "still at it" } },
        { messageOpened: { role: "MESSAGE_ROLE_ASSISTANT" } },
      ]),
    ];
    this.#written += 1;
    held.publish({
      producer: `${this.#parts.name}-${this.#written}`,
      first: 1,
      last: 1,
      born: held.state.seq,
      actor: { tenant: TENANT, participant: "bot", role: "ROLE_AGENT", instance },
      audience: "AUDIENCE_ALL",
      attempt,
      events: [...events],
    });
  }
}

/** After this somebody may have lost what it works on. */
const isOmen = ({ agentCrashed, agentLeft, runAccepted, runOrphaned }: EventJson): boolean =>
  (agentCrashed ?? agentLeft ?? runAccepted ?? runOrphaned) !== undefined;
