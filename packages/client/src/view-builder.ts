import { type Message, openTakeover, type Run, type FollowedState } from "@perdure/core";
import { Memo, sameItems } from "./memo.ts";
import { type PendingItems, pendingItems, type PendingRecord } from "./pending.ts";
import { Versions } from "./versions.ts";
import type { MessageView, RunView, SessionView } from "./view.ts";
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
  readonly state: FollowedState;
  readonly pending: readonly PendingRecord[];
  readonly unsavedCount: number;
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
  readonly #runs = new Memo<Run, RunView>();
  readonly #parts = viewsOf(partView);
  readonly #steps = viewsOf(stepView);
  readonly #members = viewsOf(memberView);
  readonly #agents = viewsOf(agentView);
  readonly #requests = viewsOf(requestView);
  readonly #controls = viewsOf(controlView);
  readonly #takeovers = viewsOf(takeoverView);
  readonly #documents = viewsOf(documentView);
  readonly #budgets = viewsOf(budgetView);
  readonly #pending = new Memo<PendingRecord["events"], PendingItems>();
  #last: SessionView | undefined;

  build(input: ViewInput): SessionView {
    const { id, state, member, participant, typing, unsavedCount } = input;
    const takeover = openTakeover(state);
    const pending = this.#pendingItems(input);
    const requests = [...state.requests.values()].filter(({ phase }) => phase === "REQUEST_PHASE_OPEN");
    const next: SessionView = {
      id,
      exists: state.epoch !== undefined,
      pastPages: state.nextPage,
      seq: state.seq,
      title: state.info.title,
      closed: state.info.closed,
      ...this.#conversation(input, pending.messages),
      runs: [...[...state.runs.values()].map((run) => this.#run(run)), ...pending.runs],
      members: this.#members(state.members.values(), member),
      observerCount: observerCount(state),
      agents: this.#agents(state.agents.values()),
      requests: this.#requests(requests),
      controls: this.#controls(state.controls.values()),
      takeover: this.#takeovers(takeover === undefined ? [] : [takeover], participant)[0],
      documents: this.#documents(state.documents.values()),
      budgets: this.#budgets(state.budgets.values()),
      typing,
      unsavedCount,
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
      ...[...state.messages.values()].map((message) => this.#message(message, versions.of(message.id))),
      ...pending.map(({ id, view }) => withVersions(view, versions.of(id))),
    ];
    return {
      messages: views.filter(({ id }) => versions.shows(id)),
      messageById: new Map(views.map((view) => [view.id, view])),
    };
  }

  #message(message: Message, versions: readonly string[]): MessageView {
    const parts = this.#parts(message.parts);
    const from = [message.changed, ...parts, ...versions];
    return this.#messages.get(message, from, () => messageView(message, parts, versions));
  }

  #run(run: Run): RunView {
    const steps = this.#steps(run.steps);
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

function observerCount({ members, observers }: FollowedState): number {
  let count = 0;
  for (const { role } of members.values()) if (role === "ROLE_OBSERVER") count += 1;
  for (const counted of observers.values()) count += counted.count;
  return count;
}

/** Views of items, each made anew only when its item has changed, or what else it depends on. */
function viewsOf<Item extends { readonly changed: number }, Others extends readonly unknown[], View>(
  make: (item: Item, ...others: Others) => View,
): (items: Iterable<Item>, ...others: Others) => View[] {
  const memo = new Memo<Item, View>();
  return (items, ...others) =>
    Array.from(items, (item) => memo.get(item, [item.changed, ...others], () => make(item, ...others)));
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
