import type { EventJson } from "@perdure/protocol";
import type { Context } from "../context.ts";
import type { AnyEvent, Body, EventKind } from "../kinds.ts";
import type { FollowedState } from "../state.ts";
import { agentAppliers } from "./agents.ts";
import { budgetAppliers } from "./budgets.ts";
import { controlAppliers } from "./controls.ts";
import { documentAppliers } from "./documents.ts";
import { memberAppliers } from "./members.ts";
import { messageAppliers } from "./messages.ts";
import { partAppliers } from "./parts.ts";
import { poolAppliers } from "./pool.ts";
import { receiptAppliers } from "./receipts.ts";
import { requestAppliers } from "./requests.ts";
import { runAppliers } from "./runs.ts";
import { sessionAppliers } from "./session.ts";
import { stepAppliers } from "./steps.ts";
import { takeoverAppliers } from "./takeovers.ts";
import { usageAppliers } from "./usage.ts";

type Apply<K extends EventKind> = (state: FollowedState, body: Body<K>, context: Context) => void;

// Passed on.
const nothing = (): void => undefined;

/** How each kind of event changes the state, once it is accepted. */
export type Appliers = { readonly [K in EventKind]: Apply<K> };

/** Those of version 1. A kind that is missing here does not compile. */
export const appliers: Appliers = {
  ...sessionAppliers,
  ...memberAppliers,
  ...agentAppliers,
  ...messageAppliers,
  ...partAppliers,
  ...runAppliers,
  ...stepAppliers,
  ...controlAppliers,
  ...receiptAppliers,
  ...requestAppliers,
  ...poolAppliers,
  ...usageAppliers,
  ...documentAppliers,
  ...takeoverAppliers,
  ...budgetAppliers,
  transient: nothing,
};

const isKind = (key: string): key is EventKind => Object.hasOwn(appliers, key);

/** The kind of an event: the one key it has; undefined where it has none, another, or more than one. */
export function eventKind(event: EventJson): EventKind | undefined {
  let kind: EventKind | undefined;
  for (const key in event) {
    if (kind !== undefined || !isKind(key)) return undefined;
    kind = key;
  }
  return kind;
}

/** By version of the rules: the first is version 1. */
export const APPLIERS: readonly Partial<Appliers>[] = [appliers];

/** Applies an accepted event. Kinds that are not known are skipped. */
export function applyEvent(state: FollowedState, event: EventJson, context: Context): void {
  const kind = eventKind(event);
  if (kind !== undefined) applyKind(state, kind, event, context);
}

/** Applies an accepted event of a known kind. */
export function applyKind<K extends EventKind>(
  state: FollowedState,
  kind: K,
  event: Pick<AnyEvent, K>,
  context: Context,
): void {
  const body: Body<K> | undefined = event[kind];
  const apply: Apply<K> | undefined = context.rules.appliers[kind];
  if (body !== undefined) apply?.(state, body, context);
}
