import { type Code, CODES, PerdureError } from "@perdure/core";
import {
  type AttachFrame,
  type FrameRefusal,
  type HistoryFrame,
  type SendFrame,
  type ServerFrame,
  sessionKey,
} from "@perdure/protocol";
import type { Clock, Grant, Logger } from "@perdure/service-kit";
import { attachAnswer, recordsSince } from "./attach-answer.ts";
import type { Attachment, Subscriber } from "./attachment.ts";
import type { HistoryReader } from "./history.ts";
import type { EdgeLimits } from "./limits.ts";
import type { EdgeMetrics } from "./metrics.ts";
import { type Refusal, refusalOf, refuse } from "./refusal.ts";
import type { Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import { type Outcome, submit } from "./sends.ts";
import type { Socket } from "./socket.ts";

export interface ConnectionSessionsParts {
  readonly rooms: Rooms;
  readonly history: HistoryReader;
  readonly limits: EdgeLimits;
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What waits below this share of the cap lets something large go out. */
const LOW_WATER = 0.125;

/** The sessions that one connection follows, and what it asks of them. */
export class ConnectionSessions implements Subscriber {
  readonly device: string;
  grant: Grant;
  readonly #parts: ConnectionSessionsParts;
  readonly #socket: Socket;
  readonly #attachments = new Map<number, Attachment>();
  /** Those that get nothing until what they were sent has gone out: the seq they have. */
  readonly #paused = new Map<Attachment, number>();
  readonly #answers: (() => void)[] = [];
  #pendingCount = 0;
  #unackedCount = 0;
  #unackedBytes = 0;
  #ended = false;

  constructor(parts: ConnectionSessionsParts, socket: Socket, grant: Grant, device: string) {
    this.#parts = parts;
    this.#socket = socket;
    this.grant = grant;
    this.device = device;
  }

  subscribe(topic: string): void {
    this.#socket.subscribe(topic);
  }

  unsubscribe(topic: string): void {
    this.#socket.unsubscribe(topic);
  }

  send(frame: ServerFrame): void {
    this.#socket.send(JSON.stringify(frame));
  }

  detached(attachment: Attachment, code: Code, message: string): void {
    this.#forget(attachment);
    this.send({ t: "detached", h: attachment.room.handle, code, message });
  }

  /** A new token of the same holder. What it does not cover any more is let go. */
  renew(grant: Grant): void {
    this.grant = grant;
    for (const attachment of [...this.#attachments.values()]) {
      const { sessionKey: key } = attachment.room.held;
      if (grant.allows(key.slice(key.indexOf("/") + 1))) continue;
      attachment.room.leave(attachment, "LEAVE_REASON_EXPIRED");
      this.detached(attachment, "forbidden_session", CODES.forbidden_session.meaning);
    }
  }

  attach(frame: AttachFrame): void {
    const refusal = this.#judgeAttach(frame);
    if (refusal !== undefined) return this.#refuse(frame.id, refusal);
    this.#pendingCount += 1;
    this.#attach(frame)
      .catch((error: unknown) => this.#refuse(frame.id, refusalOf(error, this.#parts.logger)))
      .finally(() => {
        this.#pendingCount -= 1;
      });
  }

  detach(handle: number): void {
    const attachment = this.#attachments.get(handle);
    if (attachment === undefined) return;
    this.#forget(attachment);
    attachment.room.leave(attachment, "LEAVE_REASON_CLOSED");
  }

  /** `sizeBytes`: of the frame. */
  write(frame: SendFrame, sizeBytes: number): void {
    const { h, p, n, born, epoch, au, ev } = frame;
    const attachment = this.#attachments.get(h);
    const refusal = attachment === undefined ? refuse("not_attached") : this.#judgeLoad(sizeBytes);
    if (attachment === undefined || refusal !== undefined) return this.#ack(h, p, n, { s: 0, ...refusal });
    this.#unackedCount += 1;
    this.#unackedBytes += sizeBytes;
    const draft = {
      producer: p,
      number: n,
      born,
      events: ev,
      ...(epoch !== undefined && { epoch }),
      ...(au !== undefined && { audience: au }),
    };
    void submit(attachment.room.held, draft, this.grant, this.#parts.logger).then((outcome) => {
      this.#unackedCount -= 1;
      this.#unackedBytes -= sizeBytes;
      if (n > 0 || outcome.code !== undefined) this.#ack(h, p, n, outcome);
    });
  }

  /** A send whose events are not of the schema. */
  refuseSend({ h = 0, p = "", n = 0, code, message }: FrameRefusal): void {
    this.#ack(h, p, n, { s: this.#attachments.get(h)?.room.held.state.seq ?? 0, code, message });
  }

  history(frame: HistoryFrame): void {
    const { id, h } = frame;
    const attachment = this.#attachments.get(h);
    if (attachment === undefined) return this.#refuse(id, refuse("not_attached"));
    const { history } = this.#parts;
    history
      .read(attachment.room.held, frame.before, attachment.level)
      .then((answer) => this.#whenLow(() => this.send({ t: "page", id, h, ...answer })))
      .catch((error: unknown) => this.#refuse(id, refusalOf(error, this.#parts.logger)));
  }

  /** Some of what waited has gone out. */
  onDrain(): void {
    for (const [attachment, seq] of this.#paused) this.#catchUp(attachment, seq);
    this.#answerWhileLow();
  }

  /** Ends every subscription: the connection is about to be closed. */
  pauseAll(): void {
    for (const attachment of this.#attachments.values()) attachment.room.pause(attachment);
  }

  /** The connection is gone. `clean`: its owner said so. */
  end(clean: boolean): void {
    this.#ended = true;
    this.#answerWhileLow();
    for (const attachment of [...this.#attachments.values()]) {
      this.#forget(attachment);
      if (clean) attachment.room.leave(attachment, "LEAVE_REASON_CLOSED");
      else attachment.room.lose(attachment);
    }
  }

  async #attach(frame: AttachFrame): Promise<void> {
    const { rooms, limits, clock } = this.#parts;
    const startedMs = clock.now();
    const { room, release } = await rooms.use(sessionKey(this.grant.tenant, frame.session));
    try {
      if (frame.cursor !== undefined) await room.reach(frame.cursor, limits.cursorWaitMs);
      await this.#whenLow(() => this.#enter(room, frame, startedMs));
    } finally {
      release();
    }
  }

  // From here to the end of the tick nothing is accepted: what the answer says and what follows it fit together.
  #enter(room: Room, frame: AttachFrame, startedMs: number): void {
    if (room.lost !== undefined) throw new PerdureError(room.lost, CODES[room.lost].meaning);
    const { participant } = this.grant;
    // The token may have been renewed since the frame came.
    if (!this.grant.allows(frame.session)) {
      throw new PerdureError("forbidden_session", CODES.forbidden_session.meaning);
    }
    if (room.held.state.participants.get(participant)?.removed === true) {
      throw new PerdureError("participant_removed", CODES.participant_removed.meaning);
    }
    const attachment = this.#attachments.get(room.handle) ?? room.enter(this, frame.member);
    this.#attachments.set(room.handle, attachment);
    const answer = attachAnswer(room.held, room.handle, frame.cursor, attachment.level);
    this.send({ t: "attached", id: frame.id, h: room.handle, member: attachment.member, ...answer });
    if (this.#paused.has(attachment)) this.#paused.set(attachment, answer.seq);
    else if (!this.#isLow()) this.#pause(attachment, answer.seq);
    const { metrics, clock } = this.#parts;
    metrics.attached(answer.how, (clock.now() - startedMs) / 1_000);
    if (frame.cursor !== undefined) metrics.reattached();
  }

  #judgeAttach({ session }: AttachFrame): Refusal | undefined {
    if (!this.grant.allows(session)) return refuse("forbidden_session");
    const { sessionsPerConnection } = this.#parts.limits;
    const count = this.#attachments.size + this.#pendingCount;
    if (count < sessionsPerConnection) return undefined;
    return refuse(
      "too_many_sessions",
      `A connection follows ${sessionsPerConnection} sessions. Detach from some first.`,
    );
  }

  #judgeLoad(sizeBytes: number): Refusal | undefined {
    const { unackedSends, unackedBytes } = this.#parts.limits;
    const full = this.#unackedCount >= unackedSends || this.#unackedBytes + sizeBytes > unackedBytes;
    return full ? refuse("overloaded", "Too much of this connection has no verdict yet. Wait for some.") : undefined;
  }

  /** A large answer goes out before anything follows it, so that it does not count as slowness. */
  #pause(attachment: Attachment, seq: number): void {
    this.#paused.set(attachment, seq);
    attachment.room.pause(attachment);
  }

  #catchUp(attachment: Attachment, seq: number): void {
    if (!this.#isLow()) return;
    const { room, level } = attachment;
    const records = recordsSince(room.held, room.handle, seq, level);
    if (records === undefined) return this.#detach(attachment, "catching_up");
    for (const record of records) this.#socket.send(JSON.stringify(record));
    this.#paused.delete(attachment);
    room.resume(attachment);
  }

  #detach(attachment: Attachment, code: Code): void {
    this.#forget(attachment);
    attachment.room.lose(attachment);
    this.detached(attachment, code, CODES[code].meaning);
  }

  #forget(attachment: Attachment): void {
    this.#attachments.delete(attachment.room.handle);
    this.#paused.delete(attachment);
  }

  #isLow(): boolean {
    return this.#socket.bufferedBytes <= this.#parts.limits.maxBufferedBytes * LOW_WATER;
  }

  /** Large answers go out one by one, each when what waits before it is little; none once the connection has ended. */
  #whenLow(answer: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answers.push(() => {
      try {
        if (!this.#ended) answer();
        resolve();
      } catch (error) {
        reject(error instanceof Error ? error : new Error("an answer failed", { cause: error }));
      }
    });
    this.#answerWhileLow();
    return promise;
  }

  #answerWhileLow(): void {
    while (this.#ended || this.#isLow()) {
      const next = this.#answers.shift();
      if (next === undefined) return;
      next();
    }
  }

  #refuse(id: number, refusal: Refusal): void {
    this.#parts.metrics.refused(refusal.code);
    this.send({ t: "error", id, ...refusal });
  }

  #ack(h: number, p: string, n: number, outcome: Outcome): void {
    if (outcome.code !== undefined) this.#parts.metrics.refused(outcome.code);
    this.send({ t: "ack", h, p, n, ...outcome });
  }
}
