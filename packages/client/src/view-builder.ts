import {
  type Agent,
  type Budget,
  type Control,
  type Document,
  type Member,
  type Message,
  openTakeover,
  type Part,
  type Request,
  type Run,
  type SessionState,
  type Step,
  type Takeover,
} from "@perdure/core";
import { Memo, sameItems } from "./memo.ts";
import { type PendingItems, pendingItems, type PendingRecord } from "./pending.ts";
import { Versions } from "./versions.ts";
import type {
  AgentView,
  BudgetView,
  ControlView,
  DocumentView,
  MemberView,
  MessageView,
  PartView,
  RequestView,
  RunView,
  SessionView,
  StepView,
  TakeoverView,
} from "./view.ts";
import {
  agentView,
  budgetView,
  controlView,
  documentView,
  memberView,
  messageView,
  partView,
  requestView,
  runView,
  stepView,
  takeoverView,
} from "./view-items.ts";

export interface ViewInput {
  readonly id: string;
  readonly state: SessionState;
  readonly pending: readonly PendingRecord[];
  /** This participant, once known. */
  readonly participant: string;
  /** This connection, as presence names it. */
  readonly member: string | undefined;
  readonly typing: readonly string[];
  /** First version -> the version to show. */
  readonly chosenVersions: ReadonlyMap<string, string>;
  readonly nowMs: number;
}

/** Makes views of one session, each time reusing what has not changed. */
export class ViewBuilder {
  readonly #messages = new Memo<Message, MessageView>();
  readonly #parts = new Memo<Part, PartView>();
  readonly #runs = new Memo<Run, RunView>();
  readonly #steps = new Memo<Step, StepView>();
  readonly #members = new Memo<Member, MemberView>();
  readonly #agents = new Memo<Agent, AgentView>();
  readonly #requests = new Memo<Request, RequestView>();
  readonly #controls = new Memo<Control, ControlView>();
  readonly #takeovers = new Memo<Takeover, TakeoverView>();
  readonly #documents = new Memo<Document, DocumentView>();
  readonly #budgets = new Memo<Budget, BudgetView>();
  readonly #pending = new Memo<PendingRecord["events"], PendingItems>();
  #last: SessionView | undefined;

  build(input: ViewInput): SessionView {
    const { id, state, member, participant, typing } = input;
    const takeover = openTakeover(state);
    const pending = this.#pendingItems(input);
    const next: SessionView = {
      id,
      exists: state.epoch !== undefined,
      pastPages: state.nextPage,
      seq: state.seq,
      title: state.info.title,
      closed: state.info.closed,
      ...this.#conversation(input, pending.messages),
      runs: [...all(state.runs, (run) => this.#run(run)), ...pending.runs],
      members: all(state.members, (item) =>
        this.#members.get(item, [item.changed, member], () => memberView(item, member)),
      ),
      observerCount: observerCount(state),
      agents: all(state.agents, (item) => this.#agents.get(item, [item.changed], () => agentView(item))),
      requests: all(state.requests, (item) =>
        item.phase === "REQUEST_PHASE_OPEN"
          ? this.#requests.get(item, [item.changed], () => requestView(item))
          : undefined,
      ),
      controls: all(state.controls, (item) => this.#controls.get(item, [item.changed], () => controlView(item))),
      takeover:
        takeover &&
        this.#takeovers.get(takeover, [takeover.changed, participant], () => takeoverView(takeover, participant)),
      documents: all(state.documents, (item) => this.#documents.get(item, [item.changed], () => documentView(item))),
      budgets: all(state.budgets, (item) => this.#budgets.get(item, [item.changed], () => budgetView(item))),
      typing,
    };
    this.#last = reuse(this.#last, next);
    return this.#last;
  }

  #conversation(
    { state, chosenVersions }: ViewInput,
    pending: PendingItems["messages"],
  ): Pick<SessionView, "messages" | "messageById"> {
    const versions = new Versions([...state.messages.values(), ...pending], chosenVersions);
    const views = [
      ...all(state.messages, (message) => this.#message(message, versions.of(message.id))),
      ...pending.map(({ id, view }) => withVersions(view, versions.of(id))),
    ];
    return {
      messages: views.filter(({ id }) => versions.shows(id)),
      messageById: new Map(views.map((view) => [view.id, view])),
    };
  }

  #message(message: Message, versions: readonly string[]): MessageView {
    const parts = message.parts.map((part) => this.#parts.get(part, [part.changed], () => partView(part)));
    const from = [message.changed, ...parts, ...versions];
    return this.#messages.get(message, from, () => messageView(message, parts, versions));
  }

  #run(run: Run): RunView {
    const steps = run.steps.map((step) => this.#steps.get(step, [step.changed], () => stepView(step)));
    return this.#runs.get(run, [run.changed, ...steps], () => runView(run, steps));
  }

  /** What is on its way and not there yet: an item that is there has the same id. */
  #pendingItems({ state, pending, participant, nowMs }: ViewInput): PendingItems {
    const items = pending.map((record) =>
      this.#pending.get(record.events, [participant], () => pendingItems(record, { participant, nowMs })),
    );
    return {
      messages: items.flatMap(({ messages }) => messages).filter(({ id }) => !state.messages.has(id)),
      runs: items.flatMap(({ runs }) => runs).filter(({ id }) => !state.runs.has(id)),
    };
  }
}

function observerCount({ members, observers }: SessionState): number {
  let count = 0;
  for (const { role } of members.values()) if (role === "ROLE_OBSERVER") count += 1;
  for (const counted of observers.values()) count += counted.count;
  return count;
}

function all<Item, View>(items: ReadonlyMap<unknown, Item>, make: (item: Item) => View | undefined): View[] {
  const views: View[] = [];
  for (const item of items.values()) {
    const view = make(item);
    if (view !== undefined) views.push(view);
  }
  return views;
}

// A pending message that is one of several versions is rare, and soon no longer pending.
const withVersions = (view: MessageView, versions: readonly string[]): MessageView =>
  versions.length === 1 ? view : { ...view, versions };

/** `next`, with every list of `last` that holds the same items; `last` itself where nothing is different. */
function reuse(last: SessionView | undefined, next: SessionView): SessionView {
  if (last === undefined) return next;
  const keep = <Item>(before: readonly Item[], after: readonly Item[]): readonly Item[] =>
    sameItems(before, after) ? before : after;
  const view: SessionView = {
    ...next,
    messages: keep(last.messages, next.messages),
    messageById: sameMap(last.messageById, next.messageById) ? last.messageById : next.messageById,
    runs: keep(last.runs, next.runs),
    members: keep(last.members, next.members),
    agents: keep(last.agents, next.agents),
    requests: keep(last.requests, next.requests),
    controls: keep(last.controls, next.controls),
    documents: keep(last.documents, next.documents),
    budgets: keep(last.budgets, next.budgets),
    typing: keep(last.typing, next.typing),
  };
  return sameItems(Object.values(last), Object.values(view)) ? last : view;
}

const sameMap = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean =>
  sameItems([...one.values()], [...other.values()]);
