import type { IndexEntryJson } from "@perdure/protocol";
import { type NodeLife, parseLife } from "./node-life.ts";

interface Holders {
  readonly nodes: readonly string[];
  readonly many: boolean;
  readonly rules: number;
}

/** Which sessions of a partition are held by nodes, as their heads in the log say. Grows with what is live. */
export class LiveIndex {
  readonly #holders = new Map<string, Holders>();

  note(sessionKey: string, { nodes = [], manyNodes = false, rules = 0 }: IndexEntryJson): void {
    if (nodes.length === 0) this.#holders.delete(sessionKey);
    else this.#holders.set(sessionKey, { nodes, many: manyNodes, rules });
  }

  /** Sessions that somebody is in and that follow earlier rules than `version`. */
  behind(version: number): string[] {
    return [...this.#holders].filter(([, { rules }]) => rules < version).map(([sessionKey]) => sessionKey);
  }

  /** Sessions that a life which is over still holds, or may hold because its nodes are too many to list. */
  heldBy(isOver: (life: NodeLife) => boolean): string[] {
    const found: string[] = [];
    for (const [sessionKey, { nodes, many }] of this.#holders) {
      if (many || nodes.some((text) => isOver(parseLife(text)))) found.push(sessionKey);
    }
    return found;
  }
}
