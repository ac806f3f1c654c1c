import { type Code, CODES, isCode, PerdureError, STATUSES } from "@perdure/core";
import { type Cursor, parseSessionKey } from "@perdure/protocol";
import { leaveUnjudged, type Replica } from "@perdure/replica";
import { type Clock, type Logger, Paced } from "@perdure/service-kit";
import { hasReached } from "./attach-answer.ts";
import type { Fanout } from "./fanout.ts";
import type { EdgeLimits } from "./limits.ts";
import type { EdgeMetrics } from "./metrics.ts";
import type { NodeIdentity } from "./presence.ts";
import { refusalOf } from "./refusal.ts";
import { Room } from "./room.ts";

export interface RoomsOptions {
  readonly replica: Replica;
  readonly node: NodeIdentity;
  readonly limits: EdgeLimits;
  readonly fanout: Fanout;
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A room in use; it stays open until `release`. */
export interface RoomUse {
  readonly room: Room;
  readonly release: () => void;
}

/** Time until a session that was lost is opened again to write the leaves that it is owed, in milliseconds. */
const REOPEN_MS = 1_000;
/** Of a client's cap: what a session may publish before those who follow it are looked at. A client follows up to 64. */
const PRESSURE_SHARE = 1 / 64;

/** The sessions that this node follows, each opened once however many ask for it. */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #opening = new Map<string, Promise<Room>>();
  readonly #reopening = new Map<string, () => void>();
  readonly #rejoining: Paced<Room>;
  #pendingCount = 0;
  #lastHandle = 0;
  #closed = false;

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#rejoining = new Paced(options.clock, { perSecond: options.limits.rejoinsPerSecond, begins: "at once" });
  }

  get count(): number {
    return this.#rooms.size;
  }

  /** Opens the session on this node. Throws PerdureError: what the replica throws, and `overloaded`. */
  use(sessionKey: string): Promise<RoomUse> {
    return this.#counted(() => this.#use(sessionKey));
  }

  /** As `use`, and the session is as far as everything that the log had by the time of the call. */
  useLatest(sessionKey: string): Promise<RoomUse> {
    return this.#counted(async () => {
      await this.#readOn(sessionKey);
      return this.#use(sessionKey);
    });
  }

  /**
   * Resolves when the session is as far as the cursor, or as everything that the log had by the time of the call: whoever
   * comes from another node may have seen more than this one has read. Throws what the replica throws.
   */
  async reach(room: Room, cursor: Cursor): Promise<void> {
    if (!hasReached(room.held.state, cursor)) await this.#readOn(room.held.sessionKey);
  }

  /** The node begins another life: everybody here joins again under it, some sessions at a time. */
  rejoin(): void {
    for (const room of this.#rooms.values()) this.#rejoining.add(room, () => this.#rejoin(room));
  }

  /** Writes the leaves of all who are still listed; resolves when they are in the log, or `deadlineMs` has passed. */
  async leaveAll(deadlineMs: number): Promise<void> {
    for (const room of this.#rooms.values()) room.presence.leaveAll("LEAVE_REASON_DETACHED");
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = clock.after(deadlineMs, resolve);
    await Promise.race([promise, Promise.all([...this.#rooms.values()].map((room) => room.presence.settled()))]);
    cancel();
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#reopening.values()) cancel();
    this.#reopening.clear();
    this.#rejoining.close();
    for (const [sessionKey, room] of this.#rooms) {
      this.#rooms.delete(sessionKey);
      room.presence.end();
      room.held.detach();
    }
  }

  async #counted(open: () => Promise<RoomUse>): Promise<RoomUse> {
    const { limits } = this.#options;
    if (this.#pendingCount >= limits.pendingAttaches) {
      const message = "too many sessions are being opened here; try again";
      throw new PerdureError("overloaded", message, { retryAfterMs: limits.maxRetryAfterMs / 10 });
    }
    this.#pendingCount += 1;
    try {
      return await open();
    } finally {
      this.#pendingCount -= 1;
    }
  }

  async #use(sessionKey: string): Promise<RoomUse> {
    // A room may be let go while another caller waits for it; then it is opened again.
    for (;;) {
      const room = this.#rooms.get(sessionKey) ?? (await this.#open(sessionKey));
      if (this.#rooms.get(sessionKey) === room) return { room, release: room.use() };
    }
  }

  async #readOn(sessionKey: string): Promise<void> {
    const { replica } = this.#options;
    const held = await replica.attach(sessionKey, { onAccepted: () => undefined, onLost: () => undefined });
    held.detach();
  }

  #open(sessionKey: string): Promise<Room> {
    const opening = this.#opening.get(sessionKey) ?? this.#attach(sessionKey);
    this.#opening.set(sessionKey, opening);
    return opening;
  }

  async #attach(sessionKey: string): Promise<Room> {
    const { replica, node, limits, fanout, metrics, clock, logger } = this.#options;
    let room: Room | undefined;
    let lost: string | undefined;
    try {
      const held = await replica.attach(sessionKey, {
        onAccepted: (accepted) => room?.onAccepted(accepted),
        onLost: (code) => {
          lost = code;
          if (room !== undefined) this.#lost(room, codeOf(code));
        },
      });
      if (lost !== undefined || this.#closed) {
        const code = codeOf(lost ?? "unavailable");
        throw new PerdureError(code, STATUSES[code].meaning);
      }
      this.#lastHandle += 1;
      const tenant = parseSessionKey(sessionKey)?.tenant ?? "";
      const { settleMs, observerCountMs: countMs } = limits;
      const pressureBytes = limits.maxBufferedBytes * PRESSURE_SHARE;
      const onIdle = (idle: Room): void => this.#letGo(idle);
      const handle = this.#lastHandle;
      room = new Room({
        held,
        tenant,
        handle,
        node,
        settleMs,
        countMs,
        pressureBytes,
        fanout,
        metrics,
        clock,
        logger,
        onIdle,
      });
      this.#rooms.set(sessionKey, room);
      return room;
    } finally {
      this.#opening.delete(sessionKey);
    }
  }

  #rejoin(room: Room): void {
    if (this.#rooms.get(room.held.sessionKey) === room) room.presence.rejoin();
  }

  #letGo(room: Room): void {
    const { sessionKey } = room.held;
    if (this.#rooms.get(sessionKey) !== room) return;
    this.#rooms.delete(sessionKey);
    room.held.detach();
  }

  #lost(room: Room, code: Code): void {
    const { sessionKey } = room.held;
    const owesLeaves = !room.presence.idle;
    const { seq } = room.held.state;
    this.#rooms.delete(sessionKey);
    room.onLost(code);
    // What is on its way may bring in somebody more.
    if (owesLeaves) void room.presence.landed().then(() => this.#seeThatTheyLeave(sessionKey, seq, code));
  }

  #seeThatTheyLeave(sessionKey: string, seq: number, code: Code): void {
    if (code === "rules_too_new") this.#leaveUnjudged(sessionKey, seq);
    else if (CODES[code].retryable) this.#reopenLater(sessionKey, seq);
  }

  /** This node will not be able to write leaves one by one: it says in one word that it holds nobody there. */
  #leaveUnjudged(sessionKey: string, seq: number): void {
    const { replica, node, logger } = this.#options;
    const life = { node: node.name, incarnation: node.incarnation() };
    leaveUnjudged(replica, life, { sessionKey, seq }).catch((error: unknown) =>
      logger.warn({ session: sessionKey, err: error }, "it could not be said that nobody is here any more"),
    );
  }

  /** The members that were listed here leave once their clients do not come back: opening the room sees to that. */
  #reopenLater(sessionKey: string, seq: number): void {
    if (this.#closed || this.#reopening.has(sessionKey)) return;
    const cancel = this.#options.clock.after(REOPEN_MS, () => {
      this.#reopening.delete(sessionKey);
      this.use(sessionKey).then(
        ({ release }) => release(),
        (error: unknown) => {
          this.#seeThatTheyLeave(sessionKey, seq, refusalOf(error, this.#options.logger).code);
        },
      );
    });
    this.#reopening.set(sessionKey, cancel);
  }
}

const codeOf = (code: string): Code => (isCode(code) ? code : "internal");
