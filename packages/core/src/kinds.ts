import type { EventJson } from "@perdure/protocol";

type Bodies = Required<EventJson>;

/** An event, in a form in which TypeScript follows a kind to its body. */
export type AnyEvent = { readonly [K in keyof Bodies]?: Bodies[K] };

/** Kind of an event: the one key of the oneof. */
export type EventKind = keyof Bodies;

/** What an event of a kind says. */
export type Body<K extends EventKind> = Bodies[K];
