import type { AckFrame } from "@perdure/protocol/frames";
import type { KeyValueStore, LockManager } from "../environment.ts";
import { messageEvents } from "../content.ts";
import { Outbox } from "../outbox.ts";
import type { OutboxEntry } from "../outbox-entry.ts";
import { OutboxStore } from "../outbox-store.ts";
import type { JudgingSession } from "./judging-session.ts";
import { ManualClock } from "./manual-clock.ts";

/** What becomes of a record on its way: judged and told so, judged and the answer lost, or not taken by the node now. */
export type Fate = "told" | "unheard" | "unavailable";

const RETRY_MS = 100;

/** A page in a browser without Web Locks, as far as its outbox goes; its line to the session moves when it is told to. */
export class OutboxPage {
  readonly outbox: Outbox;
  /** What it took over and was refused, as `producer:number`. */
  readonly losses: string[] = [];
  readonly #clock = new ManualClock();
  readonly #store: OutboxStore;
  readonly #session: JudgingSession;
  readonly #onItsWay: { readonly producer: string; readonly entry: OutboxEntry }[] = [];

  private constructor(name: string, store: KeyValueStore, session: JudgingSession, locks: LockManager | undefined) {
    this.#session = session;
    this.#store = new OutboxStore({ store, prefix: "perdure:", page: name, locks, onFull: () => undefined });
    this.outbox = new Outbox({
      page: name,
      session: "trip",
      producer: name,
      unjudgedCount: 1_024,
      clock: this.#clock,
      transmit: (producer, entry) => {
        this.#onItsWay.push({ producer, entry });
        return "sent";
      },
      store: this.#store,
      onChange: () => undefined,
    });
  }

  /** Opens a page, which takes over what is stored and has nobody else. */
  static async open(
    name: string,
    store: KeyValueStore,
    session: JudgingSession,
    locks?: LockManager,
  ): Promise<OutboxPage> {
    const page = new OutboxPage(name, store, session, locks);
    await page.#store.identify({ tenant: "acme", participant: "ann" });
    for (const lane of page.#store.left("trip")) {
      page.outbox.adopt(lane, ({ number }) => page.losses.push(`${lane.producer}:${number}`));
    }
    return page;
  }

  get isQuiet(): boolean {
    return this.outbox.size === 0 && this.#onItsWay.length === 0;
  }

  /** Says something below the last of what waits. `isDoomed`: in a voice that a user does not have. */
  say(text: string, isDoomed = false): void {
    const last = this.outbox.pending.at(-1);
    const parentId = last === undefined ? "" : `${last.producer}:${last.number}:0`;
    const role = isDoomed ? "MESSAGE_ROLE_ASSISTANT" : "MESSAGE_ROLE_USER";
    this.outbox.add((idOf) => ({ events: messageEvents(text, { parentId, role }, idOf) }), 1).catch(() => undefined);
  }

  /** The next record on its way arrives. */
  arrive(fate: Fate = "told"): void {
    const next = this.#onItsWay.shift();
    if (next === undefined) return this.#clock.advance(RETRY_MS);
    const { producer, entry } = next;
    if (fate === "unavailable") return this.outbox.onAck(unavailable(producer, entry));
    const ack = this.#session.judge(producer, entry);
    if (fate === "told") this.outbox.onAck(ack);
  }

  /** The connection is another one; of what was on its way on the old one, so many records get there all the same. */
  reconnect(arrivingCount: number): void {
    for (let count = 0; count < arrivingCount; count += 1) this.arrive("unheard");
    this.#onItsWay.length = 0;
    this.outbox.detached();
    this.outbox.attached();
  }
}

const unavailable = (p: string, { number }: OutboxEntry): AckFrame => ({
  t: "ack",
  h: 1,
  p,
  n: number,
  s: 1,
  code: "unavailable",
  retryAfterMs: RETRY_MS,
});
