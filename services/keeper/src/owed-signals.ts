import { pageSignals, type PoolSignal, poolSignals, type SessionState } from "@perdure/core";
import type { PageJson } from "@perdure/protocol";

const idOf = (sessionKey: string): string => sessionKey.slice(sessionKey.indexOf("/") + 1);

const byText = (signals: readonly PoolSignal[]): Map<string, PoolSignal> =>
  new Map(signals.map((signal) => [JSON.stringify(signal), signal]));

/** What the pools of the session's runs should know, by its text: for each run only the latest. */
export const owedSignals = (state: SessionState, sessionKey: string): Map<string, PoolSignal> =>
  byText(poolSignals(state, idOf(sessionKey)));

/** The same of runs that have left the state. */
export const leftSignals = (pages: readonly PageJson[], sessionKey: string): Map<string, PoolSignal> =>
  byText(pageSignals(pages, idOf(sessionKey)));
