import { PerdureError } from "@perdure/core";
import type { DocumentStateJson, EventJson } from "@perdure/protocol";
import { fromJsonText, jsonText } from "./json.ts";
import type { RunScope } from "./scope.ts";

const DOCUMENT_BYTES = 256 * 1024;
const PATCH_BYTES = 64 * 1024;

/** One step of a JSON Patch (RFC 6902). */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

/**
 * JSON that the agent shares with everybody in the session, by its name. What changes it settles when it counts, and
 * rejects with PerdureError: `document_conflict` where somebody was faster.
 */
export class SharedDocument {
  readonly name: string;
  readonly #scope: RunScope;

  constructor(scope: RunScope, name: string) {
    this.#scope = scope;
    this.name = name;
  }

  /** Undefined: there is none. */
  get value(): unknown {
    return fromJsonText(this.#state?.content);
  }

  /** Puts a value in place of whatever there is. */
  async replace(value: unknown): Promise<void> {
    await this.#write({ documentReplaced: { name: this.name, content: this.#text(value) } });
  }

  /** Replaces the value by what `change` makes of it, which is called again where somebody was faster. */
  async update(change: (value: unknown) => unknown): Promise<void> {
    for (;;) {
      const baseSeq = this.#state?.changed ?? 0;
      const content = this.#text(change(this.value));
      try {
        return await this.#write({ documentReplaced: { name: this.name, content, baseSeq } });
      } catch (error) {
        if (!(error instanceof PerdureError) || error.code !== "document_conflict") throw error;
      }
    }
  }

  /** Changes parts of the value. */
  async patch(operations: readonly PatchOperation[]): Promise<void> {
    const patch = jsonText("the patch", operations, PATCH_BYTES);
    await this.#write({ documentPatched: { name: this.name, patch, baseSeq: this.#state?.changed ?? 0 } });
  }

  async remove(): Promise<void> {
    await this.#write({ documentRemoved: { name: this.name } });
  }

  get #state(): DocumentStateJson | undefined {
    const { documents = [] } = this.#scope.head();
    return documents.find(({ name, audience }) => name === this.name && audience === "AUDIENCE_ALL");
  }

  #text(value: unknown): string {
    return jsonText(`the document ${this.name}`, value, DOCUMENT_BYTES);
  }

  async #write(event: EventJson): Promise<void> {
    const written = await this.#scope.write(() => [event], "AUDIENCE_ALL");
    await written.applied;
  }
}
