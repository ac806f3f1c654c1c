import type { IndexEntryJson } from "@perdure/protocol";
import { type NodeLife, parseLife } from "./node-life.ts";

interface Holders {
  readonly nodes: readonly string[];
  readonly many: boolean;
}

/** Which sessions of a partition are held by nodes, as their heads in the log say. Grows with what is live. */
export class LiveIndex {
  readonly #holders = new Map<string, Holders>();

  note(sessionKey: string, { nodes = [], manyNodes = false }: IndexEntryJson): void {
    if (nodes.length === 0) this.#holders.delete(sessionKey);
    else this.#holders.set(sessionKey, { nodes, many: manyNodes });
  }

  /** Sessions that somebody is in. */
  keys(): IterableIterator<string> {
    return this.#holders.keys();
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
