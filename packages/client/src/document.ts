import { PerdureError } from "@perdure/core";
import type { EventJson } from "@perdure/protocol";
import type { DocumentView } from "./view.ts";

/** One step of a JSON Patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/**
 * JSON that everybody in the session shares, by its name. What changes it settles when it counts, and rejects with
 * PerdureError: `document_conflict` where somebody was faster.
 */
export class SharedDocument {
  readonly name: string;
  readonly #look: () => DocumentView | undefined;
  readonly #apply: (event: EventJson) => Promise<void>;

  constructor(name: string, look: () => DocumentView | undefined, apply: (event: EventJson) => Promise<void>) {
    this.name = name;
    this.#look = look;
    this.#apply = apply;
  }

  /** Undefined: there is none. */
  get value(): unknown {
    return this.#look()?.value;
  }

  /** Puts a value in place of whatever there is. */
  replace(value: unknown): Promise<void> {
    return this.#apply({ documentReplaced: { name: this.name, content: JSON.stringify(value) } });
  }

  /** Replaces the value by what `change` makes of it, which is called again where somebody was faster. */
  async update(change: (value: unknown) => unknown): Promise<void> {
    for (;;) {
      const document = this.#look();
      const content = JSON.stringify(change(document?.value));
      try {
        return await this.#apply({
          documentReplaced: { name: this.name, content, baseSeq: document?.changed ?? 0 },
        });
      } catch (error) {
        if (!(error instanceof PerdureError) || error.code !== "document_conflict") throw error;
      }
    }
  }

  /** Changes parts of the value. */
  patch(operations: readonly PatchOperation[]): Promise<void> {
    const baseSeq = this.#look()?.changed ?? 0;
    return this.#apply({ documentPatched: { name: this.name, patch: JSON.stringify(operations), baseSeq } });
  }

  remove(): Promise<void> {
    return this.#apply({ documentRemoved: { name: this.name } });
  }
}
