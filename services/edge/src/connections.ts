import { Admission } from "./admission.ts";
import { Connection, type ConnectionParts } from "./connection.ts";
import { refuse } from "./refusal.ts";
import type { Socket, SocketReceiver } from "./socket.ts";

/** Deadlines and silences are looked at this often, in milliseconds. */
const WATCH_MS = 1_000;
/** After the move window, this long for clients to go, in milliseconds. */
const LINGER_MS = 1_000;

/** All connections of this node: who is let in, who has been silent for too long, and how they are sent away. */
export class Connections {
  /** Of all connections, so that one is not made for each. */
  readonly #parts: ConnectionParts;
  readonly #admission: Admission;
  readonly #all = new Set<Connection>();
  #cancelWatch: () => void = () => undefined;
  #draining = false;
  #drained: (() => void) | undefined;

  constructor(parts: Omit<ConnectionParts, "onEnd">) {
    this.#parts = { ...parts, onEnd: (ended) => this.#ended(ended) };
    const { clock, limits } = parts;
    this.#admission = new Admission(clock, limits.connectionsPerSecond, limits.maxRetryAfterMs);
    this.#watchLater();
  }

  get count(): number {
    return this.#all.size;
  }

  open(socket: Socket, originAllowed: boolean): SocketReceiver {
    const connection = new Connection(this.#parts, socket);
    this.#all.add(connection);
    this.#parts.metrics.connected(this.#all.size);
    if (!originAllowed) connection.close(refuse("forbidden_origin"));
    else if (this.#draining) connection.close(refuse("draining"));
    else this.#admit(connection);
    return connection;
  }

  /** Sends everybody elsewhere, spread over `withinMs`; resolves when all are gone, or were closed after it. */
  async drain(withinMs: number): Promise<void> {
    this.#draining = true;
    const { clock } = this.#parts;
    for (const connection of this.#all) connection.move(withinMs);
    if (this.#all.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const cancel = clock.after(withinMs + LINGER_MS, resolve);
    await promise;
    cancel();
    this.#closeAll();
  }

  close(): void {
    this.#draining = true;
    this.#cancelWatch();
    this.#closeAll();
  }

  #admit(connection: Connection): void {
    const { limits } = this.#parts;
    const full = this.#all.size > limits.connections;
    const waitMs = this.#admission.ask() ?? (full ? limits.maxRetryAfterMs / 2 : undefined);
    if (waitMs !== undefined) connection.close(refuse("overloaded", "Too many connect at once.", waitMs));
  }

  #closeAll(): void {
    for (const connection of [...this.#all]) connection.close(refuse("draining"));
  }

  #ended(connection: Connection): void {
    this.#all.delete(connection);
    this.#parts.metrics.connected(this.#all.size);
    if (this.#all.size === 0) this.#drained?.();
  }

  /**
   * A look that comes late finds that this node itself could not hear: what came meanwhile is still on its way, and the
   * next look counts. That one counts in any case, so that a node which is always late looks half as often. None is made
   * before what has come is read: timers come before sockets.
   */
  #watchLater(hasPassed = false): void {
    const { clock } = this.#parts;
    const dueMs = clock.now() + WATCH_MS;
    this.#cancelWatch = clock.after(WATCH_MS, () => {
      const nowMs = clock.now();
      const lateMs = nowMs - dueMs;
      const passes = !hasPassed && lateMs > WATCH_MS / 2;
      if (passes) for (const connection of this.#all) connection.forgive(lateMs, nowMs);
      else setImmediate(() => this.#look(nowMs));
      this.#watchLater(passes);
    });
  }

  #look(nowMs: number): void {
    for (const connection of [...this.#all]) connection.watch(nowMs);
  }
}
