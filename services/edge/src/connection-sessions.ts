import { type Code, PerdureError, STATUSES } from "@perdure/core";
import {
  type AttachFrame,
  type FrameRefusal,
  type HistoryFrame,
  type SendFrame,
  type ServerFrame,
  sessionKey,
} from "@perdure/protocol";
import type { Clock, Grant, Logger } from "@perdure/service-kit";
import { Answers } from "./answers.ts";
import { attachAnswer } from "./attach-answer.ts";
import type { Attachment, Subscriber } from "./attachment.ts";
import { CatchUp } from "./catch-up.ts";
import type { HistoryReader } from "./history.ts";
import type { EdgeLimits } from "./limits.ts";
import type { EdgeMetrics } from "./metrics.ts";
import { type Refusal, refusalOf, refuse } from "./refusal.ts";
import type { Room } from "./room.ts";
import type { Rooms } from "./rooms.ts";
import { draftOf, type Outcome, submit, unjudged } from "./sends.ts";
import type { Socket } from "./socket.ts";
import type { Turns } from "./turns.ts";
import type { Updates } from "./updates.ts";

export interface ConnectionSessionsParts {
  readonly rooms: Rooms;
  readonly history: HistoryReader;
  readonly limits: EdgeLimits;
  readonly turns: Turns;
  readonly updates: Updates;
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Clients of a session that this node can no longer judge go elsewhere after this long at the earliest, in milliseconds. */
const MOVE_AFTER_MS = 500;
/** What waits below this share of the cap lets something large go out. */
const LOW_WATER = 0.125;
/** After this a request is worth another try, in milliseconds. */
const BUSY_MS = 500;
const NONE: readonly Attachment[] = [];

/** The sessions that one connection follows, and what it asks of them. */
export class ConnectionSessions implements Subscriber {
  readonly device: string;
  grant: Grant;
  readonly #parts: ConnectionSessionsParts;
  readonly #socket: Socket;
  /** Few: a list takes a tenth of what a Map does, and is replaced, not grown, since growing leaves room for 16 more. */
  #attachments: readonly Attachment[] = NONE;
  /** Most connections need neither. */
  #answers: Answers | undefined;
  #catchUp: CatchUp | undefined;
  /** By session: the last attach that has no answer yet. */
  #attaching: Map<string, Promise<void>> | undefined;
  #ended = false;
  #pendingCount = 0;
  #unackedCount = 0;
  #unackedBytes = 0;

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

  pass(text: string): void {
    if (this.#isLow()) this.#socket.send(text);
    else this.#parts.metrics.passedOver();
  }

  checkPressure(): void {
    if (this.#socket.bufferedBytes <= this.#parts.limits.maxBufferedBytes) return;
    for (const attachment of this.#attachments) this.#ensureCatchUp().fallBehind(attachment);
  }

  /** For how long the client has not taken what waits for it, in milliseconds. */
  stuckMs(nowMs: number): number {
    return this.#catchUp?.stuckMs(nowMs) ?? 0;
  }

  /** The node could not send for so long, or its clock was put forward: that is not the client's doing. */
  forgive(deafMs: number, nowMs: number): void {
    this.#catchUp?.forgive(deafMs, nowMs);
  }

  detached(attachment: Attachment, code: Code, message: string): void {
    this.#forget(attachment);
    const retryAfterMs = code === "rules_too_new" ? { retryAfterMs: MOVE_AFTER_MS } : {};
    this.send({ t: "detached", h: attachment.room.handle, code, message, ...retryAfterMs });
  }

  /** A new token of the same holder. What it does not cover any more is let go. */
  renew(grant: Grant): void {
    this.grant = grant;
    for (const attachment of this.#attachments) {
      const { sessionKey: key } = attachment.room.held;
      if (grant.allows(key.slice(key.indexOf("/") + 1))) continue;
      attachment.room.leave(attachment, "LEAVE_REASON_EXPIRED");
      this.detached(attachment, "forbidden_session", STATUSES.forbidden_session.meaning);
    }
  }

  attach(frame: AttachFrame): void {
    const refusal = this.#judgeAttach(frame);
    if (refusal !== undefined) return this.#refuse(frame.id, refusal);
    this.#pendingCount += 1;
    this.#attaching ??= new Map();
    const answered = this.#attach(frame, this.#attaching.get(frame.session))
      .catch((error: unknown) => this.#refuse(frame.id, refusalOf(error, this.#parts.logger)))
      .finally(() => {
        this.#pendingCount -= 1;
        if (this.#attaching?.get(frame.session) === answered) this.#attaching.delete(frame.session);
        if (this.#pendingCount === 0) this.#attaching = undefined;
      });
    this.#attaching.set(frame.session, answered);
  }

  detach(handle: number): void {
    const attachment = this.#attached(handle);
    if (attachment === undefined) return;
    this.#forget(attachment);
    attachment.room.leave(attachment, "LEAVE_REASON_CLOSED");
  }

  /** `sizeBytes`: of the frame. */
  write(frame: SendFrame, sizeBytes: number): void {
    const { h, p, n } = frame;
    const attachment = this.#attached(h);
    if (attachment === undefined) return this.#ack(h, p, n, unjudged(0, n, refuse("not_attached")));
    const refusal = this.#judgeLoad(sizeBytes);
    if (refusal !== undefined) return this.#ack(h, p, n, unjudged(attachment.room.held.state.seq, n, refusal));
    this.#unackedCount += 1;
    this.#unackedBytes += sizeBytes;
    void submit(attachment.room.held, draftOf(frame), this.grant, this.#parts.logger).then((outcome) => {
      this.#unackedCount -= 1;
      this.#unackedBytes -= sizeBytes;
      if (n > 0 || outcome.code !== undefined) this.#ack(h, p, n, outcome);
    });
  }

  /** A send whose events are not of the schema. */
  refuseSend({ h = 0, p = "", n = 0, code, message }: FrameRefusal): void {
    const seq = this.#attached(h)?.room.held.state.seq ?? 0;
    this.#ack(h, p, n, unjudged(seq, n, { code, message }));
  }

  history(frame: HistoryFrame): void {
    const { id, h } = frame;
    const attachment = this.#attached(h);
    if (attachment === undefined) return this.#refuse(id, refuse("not_attached"));
    const answers = this.#ensureAnswers();
    if (answers.count >= this.#parts.limits.pendingAnswers) {
      return this.#refuse(id, refuse("overloaded", "Too many requests wait for their answer. Wait for some.", BUSY_MS));
    }
    answers
      .add(async () => {
        const answer = await this.#parts.history.read(attachment.room.held, frame.before, attachment.level);
        this.send({ t: "page", id, h, ...answer });
      })
      .catch((error: unknown) => this.#refuse(id, refusalOf(error, this.#parts.logger)));
  }

  /** Some of what waited has gone out. */
  onDrain(): void {
    this.#answers?.run();
    this.#catchUp?.run();
  }

  /** The connection is gone. `clean`: its owner said so. */
  end(clean: boolean): void {
    this.#ended = true;
    this.#answers?.end();
    for (const attachment of this.#attachments) {
      this.#forget(attachment);
      if (clean) attachment.room.leave(attachment, "LEAVE_REASON_CLOSED");
      else attachment.room.lose(attachment);
    }
  }

  /**
   * Waits until an earlier attach of the session is answered: what follows fits the answer that went out last, and a client
   * takes the one that it asked for last.
   */
  async #attach(frame: AttachFrame, earlier: Promise<void> | undefined): Promise<void> {
    const { rooms, clock } = this.#parts;
    const startedMs = clock.now();
    const { room, release } = await rooms.use(sessionKey(this.grant.tenant, frame.session));
    try {
      if (frame.cursor !== undefined) await rooms.reach(room, frame.cursor);
      if (earlier !== undefined) await earlier;
      await this.#inTurn(() => this.#enter(room, frame, startedMs));
    } finally {
      release();
    }
  }

  /** At once where nothing waits for the client. */
  #inTurn(answer: () => void): void | Promise<void> {
    if (this.#ended) return;
    const isFree = (this.#answers?.count ?? 0) === 0 && this.#isLow();
    return isFree ? answer() : this.#ensureAnswers().add(answer);
  }

  // From here to the end of the tick nothing is accepted: what the answer says and what follows it fit together.
  #enter(room: Room, frame: AttachFrame, startedMs: number): void {
    if (room.lost !== undefined) throw new PerdureError(room.lost, STATUSES[room.lost].meaning);
    const { participant } = this.grant;
    // The token may have been renewed since the frame came.
    if (!this.grant.allows(frame.session)) {
      throw new PerdureError("forbidden_session", STATUSES.forbidden_session.meaning);
    }
    if (room.held.state.participants.get(participant)?.removed === true) {
      throw new PerdureError("participant_removed", STATUSES.participant_removed.meaning);
    }
    const attachment = this.#attached(room.handle) ?? this.#add(room.enter(this, frame.member));
    const answer = attachAnswer(room.held, room.handle, frame.cursor, attachment.level);
    this.send({ t: "attached", id: frame.id, h: room.handle, member: attachment.member, ...answer });
    if (this.#catchUp !== undefined || !this.#isLow()) this.#ensureCatchUp().answered(attachment, answer.seq);
    const { metrics, clock } = this.#parts;
    metrics.attached(answer.how, (clock.now() - startedMs) / 1_000);
    if (frame.cursor !== undefined) metrics.reattached();
  }

  #judgeAttach({ session }: AttachFrame): Refusal | undefined {
    if (!this.grant.allows(session)) return refuse("forbidden_session");
    const { sessionsPerConnection } = this.#parts.limits;
    const count = this.#attachments.length + this.#pendingCount;
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

  #ensureAnswers(): Answers {
    this.#answers ??= new Answers(() => this.#isLow());
    return this.#answers;
  }

  #ensureCatchUp(): CatchUp {
    const { clock, turns, updates, metrics } = this.#parts;
    const isLow = (): boolean => this.#isLow();
    const send = (text: string): void => this.#socket.send(text);
    this.#catchUp ??= new CatchUp({ clock, turns, updates, metrics, isLow, send });
    return this.#catchUp;
  }

  #attached(handle: number): Attachment | undefined {
    return this.#attachments.find(({ room }) => room.handle === handle);
  }

  #add(attachment: Attachment): Attachment {
    this.#attachments = this.#attachments.concat(attachment);
    return attachment;
  }

  #forget(attachment: Attachment): void {
    this.#attachments = this.#attachments.filter((other) => other !== attachment);
    this.#catchUp?.forget(attachment);
  }

  #isLow(): boolean {
    return this.#socket.bufferedBytes <= this.#parts.limits.maxBufferedBytes * LOW_WATER;
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
