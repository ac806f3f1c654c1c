import { type Accepted, type Code, type Level, levelOf, STATUSES } from "@perdure/core";
import type { LeaveReasonJson } from "@perdure/protocol";
import type { HeldSession } from "@perdure/replica";
import type { Clock, Logger } from "@perdure/service-kit";
import type { Attachment, Subscriber } from "./attachment.ts";
import { wireRecord } from "./encode.ts";
import { type Fanout, LEVELS, topicOf } from "./fanout.ts";
import type { EdgeMetrics } from "./metrics.ts";
import { type NodeIdentity, Presence } from "./presence.ts";

export interface RoomOptions {
  readonly held: HeldSession;
  readonly tenant: string;
  /** Names the session on this node's connections. */
  readonly handle: number;
  readonly node: NodeIdentity;
  readonly settleMs: number;
  readonly countMs: number;
  /** Those who follow are looked at for what waits for them each time this much was published, in bytes. */
  readonly pressureBytes: number;
  readonly fanout: Fanout;
  readonly metrics: EdgeMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nobody uses it any more. */
  readonly onIdle: (room: Room) => void;
}

/** One session on this node: what is accepted goes out once for each level that somebody here has. */
export class Room {
  readonly held: HeldSession;
  readonly handle: number;
  readonly presence: Presence;
  readonly #options: RoomOptions;
  readonly #attachments = new Set<Attachment>();
  /** Of the attachments, those that are sent what happens. */
  readonly #following = new Set<Attachment>();
  readonly #counts: Record<Level, number> = { all: 0, staff: 0, agents: 0 };
  #userCount = 0;
  #lost: Code | undefined;
  #publishedSeq: number;
  #uncheckedBytes = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
    const { held, handle, tenant, node, settleMs, countMs, clock, logger } = options;
    this.held = held;
    this.handle = handle;
    this.#publishedSeq = held.state.seq;
    const onIdle = (): void => this.#checkIdle();
    this.presence = new Presence({ held, tenant, node, settleMs, countMs, clock, logger, onIdle });
  }

  /** Everything up to this seq has gone to those who follow. */
  get publishedSeq(): number {
    return this.#publishedSeq;
  }

  get idle(): boolean {
    return this.#userCount === 0 && this.#attachments.size === 0 && this.presence.idle;
  }

  /** Keeps the room open until the returned function is called. */
  use(): () => void {
    this.#userCount += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#userCount -= 1;
      this.#checkIdle();
    };
  }

  /** Follows the session from here on; whoever was this member before goes on as it. */
  enter(subscriber: Subscriber, previousMember: string | undefined): Attachment {
    const { grant, device } = subscriber;
    const member = this.presence.join(grant, device, previousMember);
    const attachment: Attachment = { subscriber, room: this, level: levelOf(grant.role), member };
    this.#attachments.add(attachment);
    this.resume(attachment);
    return attachment;
  }

  /** The connection has left the session in good order, or for the reason given. */
  leave(attachment: Attachment, reason: LeaveReasonJson): void {
    if (this.#remove(attachment)) this.presence.leave(attachment.member, reason);
    this.#checkIdle();
  }

  /** The connection broke; it may be back. */
  lose(attachment: Attachment): void {
    if (this.#remove(attachment)) this.presence.lose(attachment.member);
    this.#checkIdle();
  }

  /** Sends an attachment what follows. */
  resume(attachment: Attachment): void {
    if (this.#following.has(attachment) || !this.#attachments.has(attachment)) return;
    this.#following.add(attachment);
    this.#counts[attachment.level] += 1;
    attachment.subscriber.subscribe(topicOf(this.handle, attachment.level));
  }

  /** Sends it nothing until `resume`. */
  pause(attachment: Attachment): void {
    if (!this.#following.delete(attachment)) return;
    this.#counts[attachment.level] -= 1;
    attachment.subscriber.unsubscribe(topicOf(this.handle, attachment.level));
  }

  onAccepted(accepted: Accepted): void {
    if (accepted.seq === 0) this.#pass(accepted);
    else this.#publish(accepted);
    this.presence.onAccepted(accepted);
    for (const { participantRemoved } of accepted.events) {
      if (participantRemoved?.participant !== undefined) this.#expel(participantRemoved.participant);
    }
  }

  /** Why the session can no longer be followed here; undefined: it is. */
  get lost(): Code | undefined {
    return this.#lost;
  }

  onLost(code: Code): void {
    this.#lost = code;
    this.presence.end();
    this.#detachAll(() => true, code);
  }

  #publish(accepted: Accepted): void {
    const { fanout, metrics, clock, pressureBytes } = this.#options;
    if (this.#uncheckedBytes >= pressureBytes) this.#checkPressure();
    let frames = 0;
    for (const level of LEVELS) {
      if (this.#counts[level] === 0) continue;
      const frame = wireRecord(this.handle, accepted, level, this.held.state);
      if (frame === undefined) continue;
      const text = JSON.stringify(frame);
      fanout.publish(this.handle, level, text);
      this.#uncheckedBytes += text.length;
      frames += 1;
    }
    this.#publishedSeq = accepted.seq + accepted.count - 1;
    if (frames > 0) metrics.delivered(Math.max(0, clock.now() - accepted.timeMs) / 1_000, frames);
  }

  /** Something in passing goes only to those who are not behind. */
  #pass(accepted: Accepted): void {
    for (const level of LEVELS) {
      const frame = this.#counts[level] === 0 ? undefined : wireRecord(this.handle, accepted, level, this.held.state);
      if (frame === undefined) continue;
      const text = JSON.stringify(frame);
      for (const { subscriber, level: its } of this.#following) if (its === level) subscriber.pass(text);
    }
  }

  /** Asking a socket costs a tenth of a microsecond: too much for every frame, nothing for every few kilobytes. */
  #checkPressure(): void {
    this.#uncheckedBytes = 0;
    for (const { subscriber } of this.#following) subscriber.checkPressure();
  }

  #expel(participant: string): void {
    this.#detachAll(({ subscriber }) => subscriber.grant.participant === participant, "removed_from_session");
  }

  #detachAll(matches: (attachment: Attachment) => boolean, code: Code): void {
    for (const attachment of [...this.#attachments].filter(matches)) {
      if (!this.#remove(attachment)) continue;
      this.presence.leave(attachment.member, "LEAVE_REASON_EXPIRED");
      attachment.subscriber.detached(attachment, code, STATUSES[code].meaning);
    }
    this.#checkIdle();
  }

  #remove(attachment: Attachment): boolean {
    this.pause(attachment);
    return this.#attachments.delete(attachment);
  }

  #checkIdle(): void {
    if (this.idle) this.#options.onIdle(this);
  }
}
