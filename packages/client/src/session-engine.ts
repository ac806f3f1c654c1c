import { PerdureError } from "@perdure/core";
import type { SessionCreatedJson } from "@perdure/protocol";
import type { ClientFrame, ServerFrame } from "@perdure/protocol/frames";
import type { BackoffSettings } from "./backoff.ts";
import type { Transmission } from "./connection.ts";
import type { ConnectionState } from "./connection-state.ts";
import { Creation } from "./creation.ts";
import type { Clock } from "./environment.ts";
import { refusal } from "./failure.ts";
import { Listeners } from "./listeners.ts";
import { Mirror } from "./mirror.ts";
import { type Draft, Outbox, type Sent } from "./outbox.ts";
import type { IdOf } from "./outbox-lane.ts";
import type { OutboxStore } from "./outbox-store.ts";
import { PageRequests } from "./page-requests.ts";
import { SessionLink } from "./session-link.ts";
import type { StateStore } from "./state-store.ts";
import { sameStatus, sessionStatus, type Status } from "./status.ts";
import { Timer } from "./timer.ts";
import { Typing } from "./typing.ts";
import type { SessionView } from "./view.ts";
import { ViewBuilder } from "./view-builder.ts";

/** Who the server says this is. */
export interface Self {
  readonly tenant: string;
  readonly participant: string;
  /** As in the schema: `ROLE_USER`. */
  readonly role: string;
  readonly mayCreate: boolean;
}

/** What a session has of the client that it belongs to. */
export interface SessionContext {
  readonly clock: Clock;
  readonly random: () => number;
  /** Calls once, soon: with the next frame where there is a screen. */
  readonly schedule: (call: () => void) => void;
  /** Names this page load. */
  readonly page: string;
  /** Names what this opening of the session writes; begins with the page's name. */
  readonly producer: string;
  readonly backoff: BackoffSettings;
  readonly states: StateStore;
  readonly outboxes: OutboxStore;
  /** Records of a session that may wait for their verdict. */
  readonly unjudgedCount: number;
  readonly send: (frame: ClientFrame) => Transmission;
  /** Asks for a new token; where it says more, sessions that were refused are tried again. */
  readonly renew: () => void;
  /** This node cannot serve the session: connects again, to another one where there is one. */
  readonly onElsewhere: () => void;
  readonly nextRequestId: () => number;
  readonly onHandle: (handle: number, added: boolean) => void;
  readonly onReport: (session: string, code: string, message: string) => void;
}

/** The state is kept for a reload this long after it has changed, and when the page goes away, in milliseconds. */
const SAVE_MS = 5_000;

const CLOSED: ConnectionState = {
  phase: "stopped",
  attempt: 0,
  failure: { code: "closed", message: "the session was closed here; open it again", retryable: false },
};

/**
 * All of one session on this client: what the server has confirmed, what is on its way, and the view of both. It knows
 * nothing of what apps do with it.
 */
export class SessionEngine {
  readonly id: string;
  readonly typing: Typing;
  readonly pages: PageRequests;
  readonly #context: SessionContext;
  readonly #create: SessionCreatedJson;
  readonly #mirror = new Mirror();
  readonly #builder = new ViewBuilder();
  readonly #link: SessionLink;
  readonly #outbox: Outbox;
  readonly #creation: Creation;
  readonly #saveTimer: Timer;
  readonly #changeListeners = new Listeners<SessionView>();
  readonly #statusListeners = new Listeners<Status>();
  readonly #chosenVersions = new Map<string, string>();
  #connection: ConnectionState = { phase: "idle", attempt: 0 };
  #self: Self | undefined;
  /** Whose state was restored; the server says whether that is still who is here. */
  #restoredOwner: string | undefined;
  #status: Status;
  #view: SessionView | undefined;
  #flushing = false;
  #existed = false;

  constructor(id: string, create: SessionCreatedJson, context: SessionContext) {
    this.id = id;
    this.#create = create;
    this.#context = context;
    const { clock, page, producer, outboxes, nextRequestId, send, unjudgedCount } = context;
    this.typing = new Typing(clock, () => this.#changed());
    this.#saveTimer = new Timer(clock);
    this.#link = this.#newLink();
    this.#outbox = new Outbox({
      clock,
      producer,
      unjudgedCount,
      transmit: (from, entry) => (this.#exists ? this.#link.transmit(from, entry) : "away"),
      page,
      session: id,
      store: outboxes,
      onChange: () => this.#changed(),
    });
    this.#creation = new Creation({
      producer,
      clock,
      transmit: (from, entry) => this.#link.transmit(from, entry),
      onRefused: (error) => this.#outbox.fail(error),
    });
    this.pages = new PageRequests({
      clock,
      nextRequestId,
      send,
      handle: () => this.#link.handle,
      refused: () => (isRefused(this.#status) ? errorOf(this.#status) : undefined),
    });
    this.#status = sessionStatus(this.#connection, this.#link.state);
    this.#restore();
  }

  get view(): SessionView {
    this.#view ??= this.#builder.build({
      id: this.id,
      state: this.#mirror.state,
      pending: this.#outbox.pending,
      unsavedCount: this.#outbox.unsavedCount,
      participant: this.#self?.participant ?? "",
      member: this.#link.member,
      typing: this.typing.participants,
      chosenVersions: this.#chosenVersions,
      nowMs: this.#context.clock.now(),
    });
    return this.#view;
  }

  get status(): Status {
    return this.#status;
  }

  get self(): Self | undefined {
    return this.#self;
  }

  /** The agent that a message asks where its sender names none. */
  get defaultAgent(): string {
    const { state } = this.#mirror;
    const policy = state.epoch === undefined ? this.#create.policy : state.info.policy;
    return policy?.defaultAgent ?? "";
  }

  onChange(listener: (view: SessionView) => void): () => void {
    return this.#changeListeners.add(listener);
  }

  onStatus(listener: (status: Status) => void): () => void {
    return this.#statusListeners.add(listener);
  }

  write(draft: (idOf: IdOf) => Draft): Sent {
    // What waits already may still be sent, by this page after another login, or by a later one.
    if (isRefused(this.#status)) return Promise.reject(errorOf(this.#status));
    const { epoch, seq } = this.#mirror.state;
    const sent = this.#outbox.add(
      (idOf) => ({ ...draft(idOf), ...(epoch !== undefined && { epoch: String(epoch) }) }),
      seq,
      epoch,
    );
    this.#createIfNew();
    return sent;
  }

  /** Tells those who are here now; nothing is kept, and nobody waits for it. */
  tell(kind: string, data: string): void {
    const { seq } = this.#mirror.state;
    const events = [{ transient: { kind, data } }];
    if (this.#exists) this.#link.transmit(this.#context.page, { number: 0, born: seq, events });
  }

  /** Shows another version of a message that was edited or regenerated. */
  choose(messageId: string): void {
    const first = this.view.messageById.get(messageId)?.versions[0];
    if (first === undefined) return;
    this.#chosenVersions.set(first, messageId);
    this.#changed();
  }

  /** Takes over what is stored for this session and has nobody who sends it. */
  adopt(): void {
    this.#outbox.keep();
    for (const lane of this.#context.outboxes.left(this.id)) {
      this.#outbox.adopt(lane, ({ number }, error) => {
        const code = error instanceof PerdureError ? error.code : "internal";
        const what = `record ${lane.producer}:${number} of an earlier page was refused`;
        if (code !== "closed") this.#context.onReport(this.id, code, what);
      });
    }
    this.#createIfNew();
  }

  onConnection(state: ConnectionState, self: Self | undefined): void {
    const before = this.#connection.phase;
    this.#connection = state;
    if (state.phase === "open" && before !== "open") {
      this.#identify(self);
      this.#link.connected();
    } else if (state.phase !== "open" && before === "open") {
      this.#link.disconnected();
      this.#letGo();
    }
    this.#statusChanged();
  }

  /** Tries again where it was refused, with a new token. */
  retry(): void {
    if (this.#status.state === "refused") this.#context.renew();
  }

  onFrame(frame: ServerFrame): void {
    if (!("t" in frame)) {
      if (this.#link.onAccepted(frame)) this.#changed();
      return;
    }
    switch (frame.t) {
      case "e":
        if (this.#link.onAccepted(frame)) this.#changed();
        break;
      case "x":
        this.typing.onTransient(frame, this.#self?.participant ?? "");
        break;
      case "ack":
        if (!this.#creation.onAck(frame, () => this.#createIfNew())) this.#outbox.onAck(frame);
        break;
      case "attached":
        this.#link.onAttached(frame);
        break;
      case "update":
        this.#link.onUpdate(frame);
        break;
      case "lagging":
        this.#link.onLagging();
        break;
      case "caught_up":
        this.#link.onCaughtUp();
        break;
      case "detached":
        this.#link.onDetached(frame);
        this.#letGo();
        break;
      case "page":
        this.pages.onPage(frame);
        break;
      case "error":
        if (!this.pages.onError(frame)) this.#link.onError(frame);
        break;
      case "pong":
        this.#link.onPong();
        break;
      case "welcome":
        // The server has taken a new token.
        if (this.#link.state.phase === "refused") this.#link.connected(true);
        break;
      case "move":
        // The connection's.
        break;
    }
  }

  /** Another session, or another request of this one, was answered at length. */
  onOthersAnswered(): void {
    this.#link.onOthersAnswered();
  }

  /** Keeps the state for the next page load. */
  save(): void {
    this.#saveTimer.stop();
    const head = this.#mirror.save();
    const owner = this.#self === undefined ? this.#restoredOwner : ownerOf(this.#self);
    if (head === undefined || owner === undefined) return;
    const { member } = this.#link;
    this.#context.states.write(this.id, { owner, head, ...(member !== undefined && { member }) });
  }

  /** Follows the session no longer. What is on its way stays stored, for another page to send. */
  close(): void {
    this.save();
    this.#saveTimer.stop();
    this.typing.stop();
    this.#connection = CLOSED;
    this.#link.leave();
    this.#statusChanged();
    this.#creation.detached();
    this.#outbox.abandon(errorOf(this.#status));
    this.#changeListeners.clear();
  }

  get #exists(): boolean {
    return this.#mirror.state.epoch !== undefined;
  }

  #newLink(): SessionLink {
    return new SessionLink({
      ...this.#context,
      session: this.id,
      mirror: this.#mirror,
      onState: () => this.#statusChanged(),
      onAttached: () => this.#attached(),
      onUpdated: () => this.#changed(),
      onReport: (code, message) => this.#context.onReport(this.id, code, message),
    });
  }

  #restore(): void {
    const stored = this.#context.states.read(this.id);
    if (stored === undefined) return;
    try {
      this.#mirror.restore(stored.head);
    } catch {
      // Written by an older version, or damaged: the server has it all.
      this.#context.states.remove(this.id);
      return;
    }
    this.#restoredOwner = stored.owner;
    this.#link.member = stored.member;
  }

  /** What was kept by somebody else, or seen with other rights, is not shown to whoever is here now. */
  #identify(self: Self | undefined): void {
    const owner = this.#self === undefined ? this.#restoredOwner : ownerOf(this.#self);
    this.#self = self;
    if (owner === undefined || self === undefined || owner === ownerOf(self)) return;
    this.#context.states.remove(this.id);
    this.#mirror.clear();
    this.#link.member = undefined;
    this.#changed();
  }

  /** Acknowledgements that were on their way lead nowhere now: the next attach asks again. */
  #letGo(): void {
    this.#outbox.detached();
    this.#creation.detached();
  }

  #attached(): void {
    // Whatever waits is sent below, once.
    this.#existed = this.#exists;
    this.#changed();
    this.#outbox.attached();
    this.pages.attached();
    this.#createIfNew();
  }

  #createIfNew(): void {
    const isNew = this.#link.handle !== undefined && !this.#exists && this.#outbox.size > 0;
    if (!isNew) return;
    if (this.#self?.mayCreate === true) this.#creation.request(this.#create);
    else this.#outbox.fail(new PerdureError("session_not_found", "this token may not create the session"));
  }

  #changed(): void {
    this.#view = undefined;
    if (this.#exists && !this.#existed) this.#outbox.attached();
    this.#existed = this.#exists;
    if (!this.#saveTimer.running) this.#saveTimer.start(SAVE_MS, () => this.save());
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context.schedule(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    this.#changeListeners.tell(this.view);
  }

  #statusChanged(): void {
    const status = sessionStatus(this.#connection, this.#link.state);
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    if (status.state === "refused" && this.#connection.phase === "open") this.#outbox.fail(errorOf(status));
    if (isRefused(status)) this.pages.fail(errorOf(status));
    this.#statusListeners.tell(status);
  }
}

const ownerOf = ({ tenant, participant, role }: Self): string => `${tenant}/${participant}/${role}`;

const isRefused = ({ state }: Status): boolean => state === "refused" || state === "closed";

/** The error that a status amounts to. */
export const errorOf = ({ code = "internal", message }: Status): PerdureError => refusal(code, message);
