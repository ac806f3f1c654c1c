import { randomUUID } from "node:crypto";
import type { Accepted, Code } from "@perdure/core";
import type { EventJson, LeaveReasonJson, MemberJoinedJson } from "@perdure/protocol";
import type { HeldSession } from "@perdure/replica";
import type { Clock, Grant, Logger } from "@perdure/service-kit";
import { ObserverCounter } from "./observer-counter.ts";
import { PresenceWriter } from "./presence-writer.ts";

/** The node as presence names it. `incarnation`: of now; it changes when the node's life was declared over. */
export interface NodeIdentity {
  readonly name: string;
  readonly incarnation: () => number;
  /** A session refuses that life, which it holds for over: the node begins another, if it has not yet. */
  readonly declaredOver: (incarnation: number) => void;
}

export interface PresenceOptions {
  readonly held: HeldSession;
  readonly tenant: string;
  readonly node: NodeIdentity;
  readonly settleMs: number;
  /** The most often that a count of observers is written, in milliseconds. */
  readonly countMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nobody is here, and nothing is left to write. */
  readonly onIdle: () => void;
}

interface Member {
  readonly id: string;
  /** Its connection's grant, which is there anyway, or what the session lists. */
  readonly holder: Pick<Grant, "participant" | "role" | "name">;
  readonly device: string;
  /** Runs while its connection is broken. */
  cancelSettle: (() => void) | undefined;
}

/** Of the members that may be listed, how many there are at most when observers that were counted are listed again. */
const LIST_AGAIN_SHARE = 0.75;

/**
 * The members of one session whose connections this node holds: their joins and leaves, as records. Observers that come
 * when enough members are listed are counted instead, and stay so until far fewer are here, so that nothing flaps.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #writer: PresenceWriter;
  readonly #counter: ObserverCounter;
  readonly #members = new Map<string, Member>();
  /** Of them, observers that are counted, since enough members are listed. */
  readonly #counted = new Set<Member>();
  /** Of them, those whose join is on its way. */
  readonly #joining = new Set<Member>();
  /** Of them, those that the session had no room for. */
  readonly #leftOut = new Set<Member>();

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { held, tenant, node, countMs, clock, logger } = options;
    this.#writer = new PresenceWriter({
      held,
      actor: { tenant, participant: node.name, role: "ROLE_SYSTEM" },
      clock,
      logger,
      onIdle: () => this.#idle(),
    });
    this.#counter = new ObserverCounter({
      held,
      node,
      clock,
      countMs,
      count: () => this.#counted.size,
      write: (event) => this.#writeHere(event),
      onSettled: () => {
        this.#listAgain();
        this.#idle();
      },
    });
    this.#takeOverOwn();
  }

  /** Nobody is here, and nothing of those who were is still to be written. */
  get idle(): boolean {
    return this.#members.size === 0 && !this.#counter.waiting && this.#writer.idle;
  }

  /**
   * Someone is here; answers the member's id. `previous`: the one it was before its connection broke, with which it goes
   * on while that one settles.
   */
  join(grant: Grant, device: string, previous: string | undefined): string {
    const settling = previous === undefined ? undefined : this.#members.get(previous);
    if (settling?.cancelSettle !== undefined && settling.holder.participant === grant.participant) {
      settling.cancelSettle();
      settling.cancelSettle = undefined;
      // A life of the node that ended meanwhile took it away, and who settles is not joined again with the others.
      this.#enter(settling);
      return settling.id;
    }
    const id = randomUUID();
    const member: Member = { id, holder: grant, device, cancelSettle: undefined };
    this.#members.set(id, member);
    this.#enter(member);
    return id;
  }

  /** The member left in good order, or lost its right to be here. */
  leave(id: string, reason: LeaveReasonJson): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    member.cancelSettle?.();
    this.#members.delete(id);
    this.#leftOut.delete(member);
    if (this.#options.held.state.epoch === undefined) this.#idle();
    else if (this.#counted.delete(member)) this.#counter.changed();
    else this.#writer.write({ memberLeft: { member: id, reason } });
  }

  /** Its connection broke: it has left unless it is back within the settle time. */
  lose(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined || member.cancelSettle !== undefined) return;
    const { clock, settleMs } = this.#options;
    member.cancelSettle = clock.after(settleMs, () => this.leave(id, "LEAVE_REASON_DETACHED"));
  }

  /** The session has begun, or took the members of a life of this node away: those who are here join (again). */
  onAccepted({ epoch, producer, events }: Accepted): void {
    const { name } = this.#options.node;
    // What was written here before the session was lost may have been on its way for long.
    const isStray = producer !== this.#writer.producer;
    for (const { memberJoined, memberLeft } of isStray ? events : []) {
      this.#takeOver(memberJoined?.member);
      this.#comeBack(memberLeft?.member);
    }
    if (events.some(isFewer)) {
      this.#counter.changed();
      this.#enterLeftOut();
    }
    if (epoch !== undefined || events.some(({ nodeExpired }) => nodeExpired?.node === name)) this.rejoin();
  }

  /** Joins those who are here and not listed. */
  rejoin(): void {
    if (this.#options.held.state.epoch === undefined) return;
    for (const member of this.#members.values()) this.#enter(member);
    this.#counter.changed();
  }

  /** Writes at once what would settle later; the node is about to stop. */
  leaveAll(reason: LeaveReasonJson): void {
    for (const id of [...this.#members.keys()]) this.leave(id, reason);
    this.#counter.flush();
  }

  /** Resolves when nothing that was written here is on its way any more. */
  landed(): Promise<void> {
    return this.#writer.landed();
  }

  /** Resolves when everything is written, or nothing more can be. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** The session is lost here. */
  end(): void {
    for (const { cancelSettle } of this.#members.values()) cancelSettle?.();
    this.#members.clear();
    this.#counted.clear();
    this.#joining.clear();
    this.#leftOut.clear();
    this.#counter.end();
    this.#writer.end();
  }

  /** Sees to it that the session knows of the member, which it may do already. */
  #enter(member: Member): void {
    const { epoch, members, limits } = this.#options.held.state;
    if (epoch === undefined || !this.#isHere(member) || this.#isKnown(member)) return;
    if (isObserver(member) && members.size >= limits.listedMembers) this.#count(member);
    else this.#writeJoin(member);
  }

  /** It is connected: not settling, and not gone. */
  #isHere(member: Member): boolean {
    return this.#members.get(member.id) === member && member.cancelSettle === undefined;
  }

  /** The session lists the member or will judge whether to, or its node counts it. */
  #isKnown(member: Member): boolean {
    return this.#counted.has(member) || this.#joining.has(member) || this.#options.held.state.members.has(member.id);
  }

  /** Of a member one join is on its way at a time: what became of it says whether another is due. */
  #writeJoin(member: Member): void {
    const { name: node, incarnation } = this.#options.node;
    const life = incarnation();
    this.#joining.add(member);
    this.#writeHere({ memberJoined: { ...joined(member), node, incarnation: life } }, (code) => {
      this.#joining.delete(member);
      if (code === "too_many_members") this.#leaveOut(member);
      // The life of the node ended while this was on its way, before or after it came in. Where the node does not know yet
      // that it has, it joins them again when it does.
      else if (code === undefined || (code === "node_expired" && life !== incarnation())) this.#enter(member);
      else if (code !== "node_expired") this.#options.logger.warn({ member: member.id, code }, "a join was refused");
      // Somebody may have left since.
      this.#enterLeftOut();
    });
  }

  /** Others came first. */
  #leaveOut(member: Member): void {
    if (!this.#members.has(member.id)) return;
    if (isObserver(member)) return this.#count(member);
    this.#options.logger.warn({ member: member.id }, "a session has no room for a member");
    this.#leftOut.add(member);
  }

  /** As many of those that there was no room for join as there is room for now. */
  #enterLeftOut(): void {
    const { members, limits } = this.#options.held.state;
    for (const member of this.#leftOut) {
      if (members.size + this.#joining.size >= limits.members) return;
      this.#leftOut.delete(member);
      this.#enter(member);
    }
  }

  /** Writes that somebody is here, under the present life of the node. */
  #writeHere(event: EventJson, onOutcome: (refusal: Code | undefined) => void = () => undefined): void {
    const { incarnation = 0 } = event.memberJoined ?? event.observersCounted ?? {};
    this.#writer.write(event, (code) => {
      onOutcome(code);
      if (code === "node_expired") this.#options.node.declaredOver(incarnation);
    });
  }

  #count(member: Member): void {
    this.#counted.add(member);
    this.#counter.changed();
  }

  /** Where far fewer are here than may be listed, those who are counted here become members. */
  #listAgain(): void {
    const { state } = this.#options.held;
    const counted = [...this.#counted];
    if (counted.length === 0 || state.epoch === undefined) return;
    const here = [...state.observers.values()].reduce((sum, { count }) => sum + count, state.members.size);
    if (here > state.limits.listedMembers * LIST_AGAIN_SHARE) return;
    this.#counted.clear();
    // The count first, so that nobody is seen twice.
    this.#counter.flush();
    for (const member of counted) this.#writeJoin(member);
  }

  /**
   * Members that the session lists under this life of the node but whose connections it does not know: what was to be
   * written when the session was lost here. They settle like any whose connection broke.
   */
  #takeOverOwn(): void {
    for (const id of this.#options.held.state.members.keys()) this.#takeOver(id);
    this.#counter.changed();
  }

  #takeOver(id: string | undefined): void {
    const { held, node } = this.#options;
    const listed = id === undefined ? undefined : held.state.members.get(id);
    if (id === undefined || listed?.node !== node.name || listed.incarnation !== node.incarnation()) return;
    if (this.#members.has(id)) return;
    this.#members.set(id, { id, holder: listed, device: listed.device, cancelSettle: undefined });
    this.lose(id);
  }

  /** Its leave was on its way when the session was lost here, and it is connected again by now. */
  #comeBack(id = ""): void {
    const member = this.#members.get(id);
    if (member !== undefined) this.#enter(member);
  }

  #idle(): void {
    if (this.idle) this.#options.onIdle();
  }
}

const isObserver = ({ holder }: Member): boolean => holder.role === "ROLE_OBSERVER";

function joined({ id, holder, device }: Member): MemberJoinedJson {
  const { participant, role, name } = holder;
  return { member: id, participant, role, name, ...(device !== "" && { device }) };
}

const isFewer = ({ memberLeft, nodeExpired, observersCounted }: EventJson): boolean =>
  (memberLeft ?? nodeExpired ?? observersCounted) !== undefined;
