import { PerdureError } from "@perdure/core";
import { encodePublish } from "@perdure/protocol";
import type { AgentRefused, AgentWelcome, Heard } from "@perdure/protocol";
import type { Clock } from "../clock.ts";
import { refusal } from "../errors.ts";
import type { Connection } from "./connection.ts";
import type { NodeMessage } from "./node-messages.ts";
import type { PageSource } from "./past.ts";
import { SessionLink } from "./session-link.ts";
import { SendWindow } from "./window.ts";

export interface SessionsOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  random(): number;
  readonly pages: PageSource;
  /** Unique among all ever made, and beginning with the instance's id. */
  newProducer(): string;
}

/** How long an agent stays in a session after its last run there: people go on talking. */
const STAY_MS = 30_000;
const REJOIN_CEILING_MS = 1_000;

interface Entry {
  readonly link: SessionLink;
  uses: number;
  cancelLeave: (() => void) | undefined;
  cancelRejoin: (() => void) | undefined;
}

/** The sessions that an agent follows over its stream, and what is on its way to them. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #window = new SendWindow();
  readonly #entries = new Map<string, Entry>();
  #participant = "";

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get(session: string): SessionLink | undefined {
    return this.#entries.get(session)?.link;
  }

  /** Keeps following a session until the returned function is called, and a while after. */
  use(session: string): () => void {
    const entry = this.#entry(session);
    entry.uses += 1;
    entry.cancelLeave?.();
    return () => {
      entry.uses -= 1;
      this.releaseUnused(session);
    };
  }

  /** Leaves a session that nothing uses, after a while. */
  releaseUnused(session: string): void {
    const entry = this.#entries.get(session);
    if (entry === undefined || entry.uses > 0) return;
    entry.cancelLeave?.();
    entry.cancelLeave = this.#options.clock.after(STAY_MS, () => this.#leave(session, entry));
  }

  /** A new stream: joins again what is in use, and forgets the rest. */
  connected(welcome: AgentWelcome): void {
    this.#participant = welcome.participant;
    this.#window.open(welcome.windowBytes, welcome.maxMessageBytes);
    for (const [session, entry] of this.#entries) {
      if (entry.uses > 0 || !entry.link.outbox.empty) this.#join(session);
      else this.#forget(session, entry);
    }
  }

  disconnected(): void {
    for (const entry of this.#entries.values()) {
      entry.cancelRejoin?.();
      entry.link.outbox.disconnected();
    }
  }

  heard(message: NodeMessage): void {
    switch (message.case) {
      case "joined":
        this.#entry(message.value.session).link.joined(message.value, this.#participant);
        return;
      case "heard":
        this.#heard(message.value);
        return;
      case "stored":
        this.#outboxOf(message.value)?.stored(message.value.number);
        return;
      case "verdict":
        this.#outboxOf(message.value)?.verdict(message.value);
        this.#pumpWaiting();
        return;
      default:
    }
  }

  /** A session cannot be followed: for now, or for good. */
  refused(message: AgentRefused): void {
    const entry = this.#entries.get(message.session);
    if (entry === undefined) return;
    entry.link.outbox.disconnected();
    const error = refusal(message.code);
    if (entry.uses === 0 && entry.link.outbox.empty) this.#leave(message.session, entry);
    else if (message.code === "rules_too_new") this.#options.connection.moveAfter(message.retryAfterMs);
    else if (message.retryAfterMs > 0) this.#rejoinAfter(message.retryAfterMs, message.session, entry);
    else this.#break(message.session, entry, new PerdureError(error.code, message.message || error.message));
  }

  breakAll(error: PerdureError): void {
    for (const [session, entry] of this.#entries) this.#break(session, entry, error);
  }

  close(): void {
    this.breakAll(new PerdureError("closed", "the agent was closed"));
  }

  #entry(session: string): Entry {
    const known = this.#entries.get(session);
    if (known !== undefined) return known;
    const link = new SessionLink(session, {
      producer: this.#options.newProducer(),
      window: this.#window,
      pages: this.#options.pages,
      clock: this.#options.clock,
      encode: (record) => encodePublish({ session, record }),
      send: (bytes) => void this.#options.connection.sendBytes(bytes),
    });
    const entry: Entry = { link, uses: 0, cancelLeave: undefined, cancelRejoin: undefined };
    this.#entries.set(session, entry);
    // A writer that the session has forgotten is replaced with the next use. Until then the agent is not there: its runs,
    // which it can no longer end, are orphaned and offered again.
    link.onBroken(() => {
      this.#options.connection.send({ case: "detach", value: { session } });
      this.#forget(session, entry);
    });
    return entry;
  }

  /** A record of one's own is also the answer to who sent it. */
  #heard(heard: Heard): void {
    const { session, seq, count } = heard;
    const { producer = "", first = 0, actor } = heard.record;
    this.get(session)?.heard(heard);
    // Somebody else's writer may have the same name.
    if (actor?.participant !== this.#participant) return;
    this.#outboxOf({ session, producer })?.accepted(first, seq + count - 1);
    this.#pumpWaiting();
  }

  /** The bytes of what was answered are free: others may wait for them. */
  #pumpWaiting(): void {
    if (this.#window.wantedMore()) for (const { link } of this.#entries.values()) link.outbox.pump();
  }

  #outboxOf(message: { session: string; producer: string }): SessionLink["outbox"] | undefined {
    const outbox = this.get(message.session)?.outbox;
    return outbox?.producer === message.producer ? outbox : undefined;
  }

  #join(session: string): void {
    this.#options.connection.send({ case: "join", value: { session } });
  }

  #rejoinAfter(delayMs: number, session: string, entry: Entry): void {
    entry.cancelRejoin?.();
    const jittered = delayMs + this.#options.random() * REJOIN_CEILING_MS;
    entry.cancelRejoin = this.#options.clock.after(jittered, () => this.#join(session));
  }

  #leave(session: string, entry: Entry): void {
    if (entry.uses > 0 || this.#entries.get(session) !== entry) return;
    this.#options.connection.send({ case: "detach", value: { session } });
    this.#forget(session, entry);
  }

  #break(session: string, entry: Entry, error: PerdureError): void {
    entry.link.outbox.break(error);
    this.#forget(session, entry);
  }

  #forget(session: string, entry: Entry): void {
    entry.cancelLeave?.();
    entry.cancelRejoin?.();
    if (this.#entries.get(session) === entry) this.#entries.delete(session);
  }
}
