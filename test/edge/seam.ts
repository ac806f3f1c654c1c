import type { Session } from "@perdure/client";
import { expect } from "vitest";

interface Walked {
  readonly messages: string[];
  readonly runs: string[];
}

/** Ids of what a session's history has, with something done after each page. */
export async function walk(session: Session, afterPage: () => Promise<void> = async () => undefined): Promise<Walked> {
  const walked: Walked = { messages: [], runs: [] };
  for await (const page of session.history()) {
    walked.messages.push(...page.messages.map(({ id }) => id));
    walked.runs.push(...page.runs.map(({ id }) => id));
    await afterPage();
  }
  return walked;
}

/** What a session shows, and what a walk met, have each of these once between them. */
export function expectMet(
  session: Session,
  walked: Walked,
  messages: readonly string[],
  runs: readonly string[],
): void {
  const shown = session.view.messages.map(({ id }) => id);
  expect([...walked.messages, ...shown].toSorted()).toEqual(messages.toSorted());
  const shownRuns = session.view.runs.map(({ id }) => id);
  expect([...walked.runs, ...shownRuns].toSorted()).toEqual(runs.toSorted());
}
