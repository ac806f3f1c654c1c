import { randomUUID } from "node:crypto";
import type { Code, Verdict } from "@perdure/core";
import type { HeldSession } from "./api.ts";

/** The session has not judged what it says this of. */
const UNKNOWN: ReadonlySet<Code> = new Set(["producer_expired", "producer_gap"]);

/** What a record says of its writer. */
export interface NodeWriter {
  readonly producer: string;
  readonly first: number;
  readonly last: number;
  readonly born: number;
}

/**
 * As whom a node says something itself in a session, one record after the other. A session knows of so many producers, and
 * forgets who was silent for longest: a node then goes on as another one.
 */
export class NodeProducer {
  readonly #held: Pick<HeldSession, "state">;
  #id = randomUUID();
  #number = 0;
  #born: number;

  constructor(held: Pick<HeldSession, "state">) {
    this.#held = held;
    this.#born = held.state.seq;
  }

  get id(): string {
    return this.#id;
  }

  /** Of the next record. */
  next(): NodeWriter {
    this.#number += 1;
    return { producer: this.#id, first: this.#number, last: this.#number, born: this.#born };
  }

  /** True: the session did not judge the record, since it does not know the one before it. What is next is another producer's. */
  beginAnewAfter(verdict: Verdict): boolean {
    if (verdict.kind !== "rejected" || !UNKNOWN.has(verdict.code)) return false;
    this.#id = randomUUID();
    this.#number = 0;
    this.#born = this.#held.state.seq;
    return true;
  }
}
