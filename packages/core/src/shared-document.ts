import type { EventJson } from "@perdure/protocol";
import { PerdureError } from "./errors.ts";
import { jsonText } from "./json-text.ts";
import { FOLLOWER_LIMITS } from "./follower-limits.ts";

const PATCH_BYTES = 64 * 1024;

/** One step of a JSON Patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/** What its writer knows of a document. */
export interface KnownDocument {
  readonly value: unknown;
  /** The seq of its last change. */
  readonly changed: number;
}

/**
 * JSON that everybody in the session shares, by its name. What changes it settles when it counts, and rejects with
 * PerdureError: `document_conflict` where somebody was faster, `too_large` or `invalid_event` where it is no JSON that
 * fits, before anything is sent.
 */
export class SharedDocument {
  readonly name: string;
  readonly #look: () => KnownDocument | undefined;
  readonly #apply: (event: EventJson) => Promise<void>;

  /** `look`: undefined where there is none. `apply` settles when the event counts. */
  constructor(name: string, look: () => KnownDocument | undefined, apply: (event: EventJson) => Promise<void>) {
    this.name = name;
    this.#look = look;
    this.#apply = apply;
  }

  /** Undefined: there is none. */
  get value(): unknown {
    return this.#look()?.value;
  }

  /** Puts a value in place of whatever there is. */
  async replace(value: unknown): Promise<void> {
    await this.#apply({ documentReplaced: { name: this.name, content: this.#text(value) } });
  }

  /** Replaces the value by what `change` makes of it, which is called again where somebody was faster. */
  async update(change: (value: unknown) => unknown): Promise<void> {
    for (;;) {
      const document = this.#look();
      const content = this.#text(change(document?.value));
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
  async patch(operations: readonly PatchOperation[]): Promise<void> {
    const patch = jsonText("the patch", operations, PATCH_BYTES);
    await this.#apply({ documentPatched: { name: this.name, patch, baseSeq: this.#look()?.changed ?? 0 } });
  }

  async remove(): Promise<void> {
    await this.#apply({ documentRemoved: { name: this.name } });
  }

  #text(value: unknown): string {
    return jsonText(`the document ${this.name}`, value, FOLLOWER_LIMITS.documentBytes);
  }
}
