// A client's state as docs/protocol.md says that events change it, made from the page's words and not from the core's
// code: all that a head lists but messages, and of runs what the rest depends on.
import type { Accepted } from "@perdure/core";
import type { HeadJson } from "@perdure/protocol";
import { patchJson } from "../../packages/core/src/json-patch.ts";
import { count, type Item, KEYS, type ListName, listNames, totalKey, word } from "./head-lists.ts";
import { isObject } from "./values.ts";

type Body = Readonly<Record<string, unknown>>;
type Written = Pick<Accepted, "seq" | "timeMs" | "producer" | "number" | "audience" | "actor">;

export interface Remembered {
  readonly participants: number;
  readonly agents: number;
  readonly usageTotals: number;
}

const ENDED = new Set(["RUN_PHASE_COMPLETED", "RUN_PHASE_FAILED", "RUN_PHASE_CANCELLED"]);
const HOLDS = new Set(["SUSPEND_REASON_TAKEOVER", "SUSPEND_REASON_BUDGET"]);
const GONE = new Set(["AGENT_PRESENCE_LEFT", "AGENT_PRESENCE_CRASHED"]);
const HERE = new Set(["AGENT_PRESENCE_HERE", "AGENT_PRESENCE_BUSY"]);
const FINAL = new Set(["RECEIPT_LEVEL_APPLIED", "RECEIPT_LEVEL_REFUSED"]);
const ADDED = [
  "inputTokens",
  "outputTokens",
  "cacheReadTokens",
  "cacheCreationTokens",
  "reasoningTokens",
  "costMicros",
];

export class StateByThePage {
  info: Item = {};
  rules: unknown;
  readonly lists = new Map<ListName, Map<string, Item>>();
  readonly totals = new Map<string, Item>();
  readonly #remembered: Remembered;
  #record: Written = { seq: 0, timeMs: 0, producer: "", number: 0, audience: "AUDIENCE_ALL", actor: {} };
  #seq = 0;
  #index = 0;

  constructor(head: HeadJson, remembered: Remembered) {
    this.#remembered = remembered;
    this.info = { ...head.info };
    this.rules = head.rules;
    for (const name of listNames) {
      const items = (head[name] ?? []).map((item): Item => ({ ...item }));
      this.lists.set(name, new Map(items.map((item) => [word(item[KEYS[name]]), item])));
    }
    for (const total of head.usage?.totals ?? []) this.totals.set(totalKey({ ...total }), { ...total });
  }

  take(accepted: Accepted): void {
    this.#record = accepted;
    for (const [index, event] of accepted.events.entries()) {
      this.#index = index;
      this.#seq = accepted.seq + index;
      for (const [kind, body] of Object.entries(event)) if (isObject(body)) this.#take(kind, body);
      this.#watchHolder();
      this.#holdRuns();
    }
  }

  #take(kind: string, body: Body): void {
    const signal = /^control(Cancel|Steer|Redirect|Pause|Resume)$/.exec(kind)?.[1];
    if (signal !== undefined) this.#signal(signal.toUpperCase(), body);
    else this.#rows[kind]?.(body);
  }

  readonly #rows: Readonly<Record<string, (body: Body) => void>> = {
    sessionCreated: ({ rules, ...body }) => {
      this.info = { ...body, createdBy: this.#writer, createdMs: this.#at, changed: this.#seq };
      this.rules = count(rules) === 0 ? 1 : rules;
    },
    sessionUpdated: ({ tags, ...body }) => {
      Object.assign(this.info, body, { changed: this.#seq });
      if (isObject(tags)) this.info["tags"] = tags["values"];
    },
    sessionClosed: ({ reason }) => {
      Object.assign(this.info, { closed: true, closedReason: reason, changed: this.#seq });
      this.#endRuns();
      for (const request of this.#list("requests").values()) this.#withdraw(request);
      const takeover = this.#takeover();
      if (takeover?.["phase"] === "TAKEOVER_PHASE_REQUESTED") this.#endTakeover(takeover, "WITHDRAWN");
      else if (takeover !== undefined) this.#endTakeover(takeover, "RELEASED", "TAKEOVER_OUTCOME_RESOLVED");
    },
    rulesUpgraded: ({ version }) => void (this.rules = version),
    participantInvited: ({ participant, role, name }) => {
      this.#note(word(participant), role, name);
      const noted = this.#get("participants", participant);
      if (noted?.["removed"] === true) this.#change(noted, { removed: false });
    },
    participantRemoved: ({ participant }) => {
      this.#note(word(participant), undefined, undefined);
      this.#change(this.#get("participants", participant), { removed: true });
      const takeover = this.#takeover();
      const isHolder = takeover?.["phase"] === "TAKEOVER_PHASE_CLAIMED" && takeover["holder"] === participant;
      if (isHolder) this.#endTakeover(takeover, "RELEASED", "TAKEOVER_OUTCOME_ABANDONED");
    },
    memberJoined: (body) => {
      const { member, role, name, participant = this.#writer } = body;
      if (this.#get("members", member) !== undefined) return;
      this.#note(word(participant), role, name);
      this.#begin("members", word(member), { ...body, participant, joinedMs: this.#at });
    },
    memberUpdated: ({ member, watching }) => this.#change(this.#get("members", member), { watching }),
    memberLeft: ({ member }) => void this.#list("members").delete(word(member)),
    observersCounted: (body) => {
      const { node } = body;
      if (count(body["count"]) === 0) return void this.#list("observerCounts").delete(word(node));
      this.#list("observerCounts").set(word(node), { ...body, changed: this.#seq });
    },
    nodeExpired: ({ node, incarnation }) => {
      const isGone = (held: Item): boolean => held["node"] === node && count(held["incarnation"]) <= count(incarnation);
      for (const name of ["members", "observerCounts"] as const) {
        for (const [key, item] of [...this.#list(name)]) if (isGone(item)) this.#list(name).delete(key);
      }
      for (const agent of this.#list("agents").values()) if (isGone(agent)) this.#lose(agent, "LOST_REASON_NODE");
    },
    agentJoined: (body) => {
      const instance = word(body["instance"]);
      this.#note(this.#writer, this.#record.actor.role, undefined);
      const agents = this.#list("agents");
      const dead = [...agents].find(([, { presence }]) => GONE.has(word(presence)));
      if (!agents.has(instance) && agents.size >= this.#remembered.agents && dead) agents.delete(dead[0]);
      this.#begin("agents", instance, { ...body, participant: this.#writer, presence: "AGENT_PRESENCE_HERE" });
    },
    agentBusy: ({ instance, delayMs }) => {
      const agent = this.#get("agents", instance);
      const presence = count(delayMs) > 0 ? "AGENT_PRESENCE_BUSY" : "AGENT_PRESENCE_HERE";
      if (HERE.has(word(agent?.["presence"]))) this.#change(agent, { presence, busyDelayMs: delayMs });
    },
    agentLost: ({ instance, reason }) => this.#lose(this.#get("agents", instance), reason),
    agentResumed: ({ instance, attachment, node, incarnation }) =>
      this.#change(this.#get("agents", instance), {
        ...{ presence: "AGENT_PRESENCE_HERE", attachment, node, incarnation },
        ...{ lostMs: 0, lostReason: undefined, busyDelayMs: 0 },
      }),
    agentCrashed: ({ instance }) => this.#change(this.#get("agents", instance), { presence: "AGENT_PRESENCE_CRASHED" }),
    agentLeft: ({ instance }) =>
      this.#change(this.#get("agents", instance), { presence: "AGENT_PRESENCE_LEFT", lostMs: 0 }),
    agentProgress: ({ runId, ...progress }) =>
      this.#change(this.#get("runs", runId), { progress: { ...progress, timeMs: this.#at } }),
    runRequested: () => {
      const takeover = this.#takeover();
      const takeoverId = takeover?.["phase"] === "TAKEOVER_PHASE_CLAIMED" ? takeover["id"] : undefined;
      this.#begin("runs", this.#id, { id: this.#id, phase: "RUN_PHASE_REQUESTED", takeoverId });
    },
    runAccepted: ({ runId }) => this.#move(runId, { phase: "RUN_PHASE_ACTIVE", progress: undefined }),
    runSuspended: ({ runId, reason }) => this.#move(runId, { phase: "RUN_PHASE_SUSPENDED", suspended: reason }),
    runResumed: ({ runId }) => this.#move(runId, { phase: "RUN_PHASE_ACTIVE" }),
    runCompleted: ({ runId }) => this.#end(this.#get("runs", runId), "RUN_PHASE_COMPLETED"),
    runFailed: ({ runId }) => this.#end(this.#get("runs", runId), "RUN_PHASE_FAILED"),
    runCancelled: ({ runId }) => this.#end(this.#get("runs", runId), "RUN_PHASE_CANCELLED"),
    runOrphaned: ({ runId }) => {
      const isCancelled = [...this.#list("controls").values()].some(
        (control) => control["runId"] === runId && control["kind"] === "CONTROL_KIND_CANCEL",
      );
      if (isCancelled) this.#end(this.#get("runs", runId), "RUN_PHASE_CANCELLED");
      else this.#move(runId, { phase: "RUN_PHASE_ORPHANED" });
    },
    controlReceipt: ({ controlId, state, code }) => {
      const receipt = word(state).replace("RECEIPT_STATE", "RECEIPT_LEVEL");
      this.#change(this.#get("controls", controlId), { receipt, code });
    },
    requestOpened: (request) =>
      this.#begin("requests", this.#id, {
        ...{ id: this.#id, opened: this.#seq, phase: "REQUEST_PHASE_OPEN", request, askedBy: this.#writer },
        ...{ dueMs: this.#dueMs(request), audience: this.#record.audience },
      }),
    requestAnswered: ({ requestId, action, payload }) =>
      this.#change(this.#get("requests", requestId), {
        ...{ phase: "REQUEST_PHASE_ANSWERED", action, payload, answeredBy: this.#writer },
      }),
    requestExpired: ({ requestId }) => {
      const request = this.#get("requests", requestId);
      const payload = isObject(request?.["request"]) ? request["request"]["defaultPayload"] : undefined;
      this.#change(request, { phase: "REQUEST_PHASE_EXPIRED", payload });
    },
    requestWithdrawn: ({ requestId }) =>
      this.#change(this.#get("requests", requestId), { phase: "REQUEST_PHASE_WITHDRAWN" }),
    takeoverRequested: ({ expiresInMs, urgency = "URGENCY_NORMAL", ...body }) =>
      this.#begin("takeovers", this.#id, {
        ...{ ...body, urgency, id: this.#id, opened: this.#seq, phase: "TAKEOVER_PHASE_REQUESTED" },
        ...{ requestedBy: this.#writer, dueMs: this.#dueMs({ expiresInMs }), openedMs: this.#at },
      }),
    takeoverClaimed: () => {
      if (this.#takeover() === undefined)
        this.#begin("takeovers", this.#id, {
          ...{ id: this.#id, opened: this.#seq, openedMs: this.#at, phase: "TAKEOVER_PHASE_REQUESTED" },
        });
      const takeover = this.#takeover();
      this.#change(takeover, { phase: "TAKEOVER_PHASE_CLAIMED", claimedMs: this.#at });
      this.#giveFloor(takeover, this.#writer);
      for (const run of this.#list("runs").values())
        if (!ENDED.has(word(run["phase"]))) run["takeoverId"] = takeover?.["id"];
    },
    takeoverTransferred: ({ takeoverId, to, note }) => {
      const takeover = this.#get("takeovers", takeoverId);
      this.#change(takeover, { note });
      this.#giveFloor(takeover, word(to));
    },
    takeoverReleased: ({ takeoverId, outcome, note }) => {
      const takeover = this.#get("takeovers", takeoverId);
      if (takeover === undefined) return;
      this.#change(takeover, { note });
      this.#endTakeover(takeover, "RELEASED", outcome);
      if (outcome === "TAKEOVER_OUTCOME_RESOLVED") this.#endRuns();
    },
    takeoverExpired: ({ takeoverId }) => this.#endTakeover(this.#get("takeovers", takeoverId), "EXPIRED"),
    takeoverWithdrawn: ({ takeoverId }) => this.#endTakeover(this.#get("takeovers", takeoverId), "WITHDRAWN"),
    documentReplaced: ({ name, content }) => {
      const { audience } = this.#record;
      if (this.#document(name) === undefined) this.#begin("documents", this.#id, { id: this.#id, name, audience });
      this.#write(this.#document(name), content);
    },
    documentPatched: ({ name, patch }) => {
      const document = this.#document(name);
      const content = document && patchJson(word(document["content"]), word(patch));
      if (content !== undefined) this.#write(document, content);
    },
    documentRemoved: ({ name }) => void this.#list("documents").delete(word(this.#document(name)?.["id"])),
    budgetSet: (body) => {
      const budget = { ...body, phase: "BUDGET_PHASE_OPEN", setBy: this.#writer };
      this.#begin("budgets", word(body["currency"]), budget);
    },
    budgetWarned: (body) => this.#spend("BUDGET_PHASE_WARNED", body),
    budgetExhausted: (body) => this.#spend("BUDGET_PHASE_EXHAUSTED", body),
    budgetLifted: ({ currency }) => void this.#list("budgets").delete(word(currency)),
    usageReported: (body) => {
      const { audience } = this.#record;
      const { provider, model, currency } = body;
      let total: Item = { provider, model, currency, audience };
      const listed = [...this.totals.values()].filter((other) => other["audience"] === audience);
      const isFull = listed.length >= this.#remembered.usageTotals;
      if (isFull && !this.totals.has(totalKey(total))) total = { model: "other", currency, audience };
      total = this.totals.get(totalKey(total)) ?? total;
      const sum = (key: string): number => Math.min(count(total[key]) + count(body[key]), Number.MAX_SAFE_INTEGER);
      for (const key of ADDED) total[key] = sum(key);
      Object.assign(total, { reports: count(total["reports"]) + 1, changed: this.#seq });
      this.totals.set(totalKey(total), total);
    },
  };

  get #writer(): string {
    return word(this.#record.actor.participant);
  }

  get #at(): number {
    return this.#record.timeMs;
  }

  get #id(): string {
    return `${this.#record.producer}:${this.#record.number}:${this.#index}`;
  }

  #list(name: ListName): Map<string, Item> {
    return this.lists.get(name) ?? new Map<string, Item>();
  }

  #get(name: ListName, key: unknown): Item | undefined {
    return this.#list(name).get(word(key));
  }

  #begin(name: ListName, key: string, item: Item): void {
    this.#list(name).set(key, { ...item, changed: this.#seq });
  }

  #change(item: Item | undefined, fields: Item): void {
    if (item !== undefined) Object.assign(item, fields, { changed: this.#seq });
  }

  #dueMs({ expiresInMs }: Body): number {
    return count(expiresInMs) === 0 ? 0 : this.#at + count(expiresInMs);
  }

  #note(participant: string, role: unknown, name: unknown): void {
    const participants = this.#list("participants");
    const known = participants.get(participant);
    if (known === undefined) {
      const here = ["members", "agents"] as const;
      const isHere = (id: string): boolean =>
        here.some((list) => [...this.#list(list).values()].some((item) => item["participant"] === id));
      const absent = [...participants].find(([id, { removed }]) => removed !== true && !isHere(id));
      if (participants.size >= this.#remembered.participants && absent) participants.delete(absent[0]);
      return this.#begin("participants", participant, { participant, role, name });
    }
    if (role !== undefined && role !== known["role"]) this.#change(known, { role });
    if (word(name) !== "" && name !== known["name"]) this.#change(known, { name });
  }

  #lose(agent: Item | undefined, reason: unknown): void {
    if (!HERE.has(word(agent?.["presence"]))) return;
    const why = reason === undefined ? {} : { lostReason: reason };
    this.#change(agent, { presence: "AGENT_PRESENCE_LOST", lostMs: this.#at, busyDelayMs: 0, ...why });
  }

  #signal(kind: string, body: Body): void {
    const { reason, text = reason, ...rest } = body;
    this.#begin("controls", this.#id, {
      ...{ ...rest, text, id: this.#id, kind: `CONTROL_KIND_${kind}`, by: this.#writer, seq: this.#seq },
      ...{ receipt: "RECEIPT_LEVEL_SENT", timeMs: this.#at, audience: this.#record.audience },
    });
    const run = this.#get("runs", body["runId"]);
    const hasNobody = run?.["phase"] === "RUN_PHASE_REQUESTED" || run?.["phase"] === "RUN_PHASE_ORPHANED";
    if (kind === "CANCEL" && hasNobody) this.#end(run, "RUN_PHASE_CANCELLED");
  }

  #move(runId: unknown, to: Item): void {
    this.#change(this.#get("runs", runId), { suspended: undefined, ...to });
  }

  #end(run: Item | undefined, phase: string): void {
    if (run === undefined) return;
    this.#change(run, { phase, suspended: undefined });
    for (const request of this.#list("requests").values()) {
      if (isObject(request["request"]) && request["request"]["runId"] === run["id"]) this.#withdraw(request);
    }
    for (const control of this.#list("controls").values()) {
      if (control["runId"] !== run["id"] || FINAL.has(word(control["receipt"]))) continue;
      const isObeyed = control["kind"] === "CONTROL_KIND_CANCEL" && phase === "RUN_PHASE_CANCELLED";
      const receipt = isObeyed ? "RECEIPT_LEVEL_APPLIED" : "RECEIPT_LEVEL_REFUSED";
      this.#change(control, { receipt, code: isObeyed ? "" : "missed" });
    }
  }

  #endRuns(): void {
    for (const run of this.#list("runs").values())
      if (!ENDED.has(word(run["phase"]))) this.#end(run, "RUN_PHASE_CANCELLED");
  }

  #withdraw(request: Item): void {
    if (request["phase"] === "REQUEST_PHASE_OPEN") this.#change(request, { phase: "REQUEST_PHASE_WITHDRAWN" });
  }

  /** The one that is asked for or claimed. */
  #takeover(): Item | undefined {
    const phases = ["TAKEOVER_PHASE_REQUESTED", "TAKEOVER_PHASE_CLAIMED"];
    return [...this.#list("takeovers").values()].find(({ phase }) => phases.includes(word(phase)));
  }

  #endTakeover(takeover: Item | undefined, phase: string, outcome?: unknown): void {
    const how = outcome === undefined ? {} : { outcome };
    this.#change(takeover, { phase: `TAKEOVER_PHASE_${phase}`, endedMs: this.#at, ...how });
  }

  #giveFloor(takeover: Item | undefined, holder: string): void {
    this.#change(takeover, { holder, goneMs: this.#isMember(holder) ? 0 : this.#at });
  }

  #isMember(participant: unknown): boolean {
    return [...this.#list("members").values()].some((member) => member["participant"] === participant);
  }

  #watchHolder(): void {
    const takeover = this.#takeover();
    if (takeover?.["phase"] !== "TAKEOVER_PHASE_CLAIMED") return;
    const isHere = this.#isMember(takeover["holder"]);
    if (isHere !== (count(takeover["goneMs"]) === 0)) this.#change(takeover, { goneMs: isHere ? 0 : this.#at });
  }

  #holdRuns(): void {
    const isClaimed = this.#takeover()?.["phase"] === "TAKEOVER_PHASE_CLAIMED";
    const isSpent = [...this.#list("budgets").values()].some(({ phase }) => phase === "BUDGET_PHASE_EXHAUSTED");
    const hold = isClaimed ? "SUSPEND_REASON_TAKEOVER" : isSpent ? "SUSPEND_REASON_BUDGET" : undefined;
    for (const run of this.#list("runs").values()) {
      const isAtWork = run["phase"] === "RUN_PHASE_ACTIVE" || HOLDS.has(word(run["suspended"]));
      if (isAtWork) Object.assign(run, { phase: `RUN_PHASE_${hold ? "SUSPENDED" : "ACTIVE"}`, suspended: hold });
    }
  }

  /** Of the record's audience. */
  #document(name: unknown): Item | undefined {
    const { audience } = this.#record;
    return [...this.#list("documents").values()].find(
      (document) => document["name"] === name && document["audience"] === audience,
    );
  }

  #write(document: Item | undefined, content: unknown): void {
    this.#change(document, { content, changedBy: this.#writer, timeMs: this.#at });
  }

  #spend(phase: string, { currency, spentMicros, spentTokens }: Body): void {
    this.#change(this.#get("budgets", currency), { phase, spentMicros, spentTokens });
  }
}
