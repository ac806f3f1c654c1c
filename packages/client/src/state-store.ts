import type { HeadJson } from "@perdure/protocol";
import { fieldsOf } from "./fields.ts";
import type { KeyValueStore } from "./environment.ts";
import { Kept } from "./kept.ts";

/** What a tab keeps of a session over a reload. */
export interface StoredState {
  /** Whose view of the session it is: tenant, participant and role. */
  readonly owner: string;
  readonly head: HeadJson;
  readonly member?: string;
}

/** States of sessions in the tab's storage. What cannot be written or read is as good as absent: the server has it all. */
export class StateStore {
  readonly #kept: Kept;
  readonly #prefix: string;

  constructor(store: KeyValueStore, prefix: string) {
    this.#kept = new Kept(store);
    this.#prefix = prefix;
  }

  read(session: string): StoredState | undefined {
    const value = this.#kept.read(this.#key(session));
    return isStored(value) ? value : undefined;
  }

  write(session: string, state: StoredState): void {
    if (!this.#kept.write(this.#key(session), state)) this.remove(session);
  }

  remove(session: string): void {
    this.#kept.remove(this.#key(session));
  }

  #key(session: string): string {
    return `${this.#prefix}state:${session}`;
  }
}

function isStored(value: unknown): value is StoredState {
  const { owner, head, member = "" } = fieldsOf(value);
  return typeof owner === "string" && typeof head === "object" && head !== null && typeof member === "string";
}
