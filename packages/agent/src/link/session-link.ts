import { toJson } from "@bufbuild/protobuf";
import { acceptedRecord, applyAccepted, fromHead, project } from "@perdure/core";
import type { PerdureError, SessionState } from "@perdure/core";
import { HeadSchema, LedgerSchema } from "@perdure/protocol";
import type { AgentSessionState, EventJson, HeadJson, Heard, MessageStateJson } from "@perdure/protocol";
import { Outbox } from "./outbox.ts";
import type { OutboxOptions } from "./outbox.ts";
import { pastMessages, patient } from "./past.ts";
import type { PageSource } from "./past.ts";

/** Told what changed in a session: the events of an accepted record, or undefined where the state was replaced whole. */
export type ChangeListener = (events: readonly EventJson[] | undefined) => void;

export interface SessionLinkOptions extends Omit<OutboxOptions, "onBroken"> {
  readonly pages: PageSource;
}

/** One session as an agent follows it: its state, folded by the same code as everywhere, and what is on its way to it. */
export class SessionLink {
  readonly id: string;
  readonly outbox: Outbox;
  readonly #pages: PageSource;
  #state: SessionState | undefined;
  #head: HeadJson | undefined;
  readonly #listeners = new Set<ChangeListener>();
  readonly #brokenListeners = new Set<(error: PerdureError) => void>();

  constructor(id: string, options: SessionLinkOptions) {
    this.id = id;
    this.#pages = patient(options.pages, options.clock);
    this.outbox = new Outbox({ ...options, onBroken: (error) => this.#tellBroken(error) });
  }

  /** The state as of now, of which the caller may keep what it wants; undefined before the session was first joined. */
  head(): HeadJson | undefined {
    if (this.#head === undefined && this.#state !== undefined) this.#head = project(this.#state, "agents");
    return this.#head;
  }

  /** Messages that have left the current state. Throws PerdureError where they cannot be read. */
  async past(ids: readonly string[]): Promise<readonly MessageStateJson[]> {
    return pastMessages(this.#pages, this.id, ids);
  }

  /** The returned function takes the listener back. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Called when nothing can be written in this session any more. */
  onBroken(listener: (error: PerdureError) => void): () => void {
    this.#brokenListeners.add(listener);
    return () => this.#brokenListeners.delete(listener);
  }

  joined(message: AgentSessionState, participant: string): void {
    const head = message.head === undefined ? {} : toJson(HeadSchema, message.head);
    const ledger = message.producers === undefined ? undefined : toJson(LedgerSchema, message.producers);
    this.#state = fromHead(head);
    this.#head = undefined;
    this.outbox.joined({ ledger, participant, seq: head.seq ?? 0, epoch: head.epoch });
    this.#tell(undefined);
  }

  heard(heard: Heard): void {
    if (this.#state === undefined) return;
    const accepted = acceptedRecord(heard.record, heard);
    applyAccepted(this.#state, accepted);
    this.#head = undefined;
    this.#tell(accepted.events);
  }

  #tellBroken(error: PerdureError): void {
    for (const listener of [...this.#brokenListeners]) listener(error);
  }

  #tell(events: readonly EventJson[] | undefined): void {
    for (const listener of [...this.#listeners]) listener(events);
  }
}
