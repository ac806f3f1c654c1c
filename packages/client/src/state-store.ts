import type { HeadJson } from "@perdure/protocol";
import { fieldsOf } from "./fields.ts";
import type { KeyValueStore } from "./environment.ts";

/** What a tab keeps of a session over a reload. */
export interface StoredState {
  /** Whose view of the session it is: tenant, participant and role. */
  readonly owner: string;
  readonly head: HeadJson;
  readonly member?: string;
}

/** States of sessions in the tab's storage. What cannot be written or read is as good as absent: the server has it all. */
export class StateStore {
  readonly #store: KeyValueStore;
  readonly #prefix: string;

  constructor(store: KeyValueStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  read(session: string): StoredState | undefined {
    try {
      const value: unknown = JSON.parse(this.#store.getItem(this.#key(session)) ?? "null");
      return isStored(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  write(session: string, state: StoredState): void {
    try {
      this.#store.setItem(this.#key(session), JSON.stringify(state));
    } catch {
      this.remove(session);
    }
  }

  remove(session: string): void {
    this.#store.removeItem(this.#key(session));
  }

  #key(session: string): string {
    return `${this.#prefix}state:${session}`;
  }
}

function isStored(value: unknown): value is StoredState {
  const { owner, head, member = "" } = fieldsOf(value);
  return typeof owner === "string" && typeof head === "object" && head !== null && typeof member === "string";
}
