import type { FollowedState } from "./state.ts";

/*
 * A record of several events is accepted or refused as a whole. Its events are judged one by one, each on what the
 * ones before it did; where one is refused, all that is taken back. So every change of the state goes through these
 * functions. They cost nothing for records of one event, which are judged before anything is done.
 */

/** Says that the fields of `item` are about to change; gives it back. */
export function touch<T extends object>(state: FollowedState, item: T): T {
  state.undo?.push(restorer(item, { ...item }));
  return item;
}

const restorer =
  <T extends object>(item: T, before: T) =>
  (): void => {
    for (const key of Object.keys(item)) if (!Object.hasOwn(before, key)) Reflect.deleteProperty(item, key);
    Object.assign(item, before);
  };

/** Adds an entry to a map that has no such key, at its end. */
export function add<K, V>(state: FollowedState, map: Map<K, V>, key: K, value: V): void {
  map.set(key, value);
  state.undo?.push(() => map.delete(key));
}

/** Takes an entry out of a map or a set. */
export function drop<K>(state: FollowedState, from: Map<K, unknown> | Set<K>, key: K): void {
  if (state.undo !== undefined) state.undo.push(from instanceof Map ? refillMap(from) : refillSet(from));
  from.delete(key);
}

// What comes back must come back at its place, since maps keep the order of creation.
function refillMap<K, V>(map: Map<K, V>): () => void {
  const before = [...map];
  return () => {
    map.clear();
    for (const [key, value] of before) map.set(key, value);
  };
}

function refillSet<T>(set: Set<T>): () => void {
  const before = [...set];
  return () => {
    set.clear();
    for (const value of before) set.add(value);
  };
}

/** Adds to a set, at its end. */
export function include<T>(state: FollowedState, set: Set<T>, value: T): void {
  if (set.has(value)) return;
  set.add(value);
  state.undo?.push(() => set.delete(value));
}

/** Begins a record of several events. */
export function beginUndo(state: FollowedState): void {
  const before = { ...state };
  state.undo = [() => Object.assign(state, before)];
}

/** Ends it: all that was done stays, or is taken back, the latest first. */
export function endUndo(state: FollowedState, keep: boolean): void {
  const steps = state.undo ?? [];
  state.undo = undefined;
  if (!keep) for (const step of steps.toReversed()) step();
}
