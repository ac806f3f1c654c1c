import { type PoolSignal, poolSignals, type SessionState } from "@perdure/core";

/** What the pools of the session's runs should know, by its text: for each run only the latest. */
export function owedSignals(state: SessionState, sessionKey: string): Map<string, PoolSignal> {
  const sessionId = sessionKey.slice(sessionKey.indexOf("/") + 1);
  return new Map(poolSignals(state, sessionId).map((signal) => [JSON.stringify(signal), signal]));
}
