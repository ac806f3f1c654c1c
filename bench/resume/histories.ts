import type { Log } from "@perdure/log";
import type { Cursor } from "@perdure/protocol";
import { seedHeads, since, writeSince } from "../session/seeded-heads.ts";
import { turn, WrittenSession } from "../session/written-session.ts";

/** A session of the bench, and the cursor of a client that missed the last tokens. */
export interface Resumable {
  readonly id: string;
  readonly history: number;
  readonly cursor: Cursor;
}

const tokensPerAnswer = 40;
/** About what a keeper's rhythm leaves uncovered of a streaming session. */
const uncoveredTokens = 100;
const missedTokens = 20;

/** So many sessions with each history, written as heads, with what has happened since in the log. */
export async function writeHistories(
  log: Log,
  partitions: number,
  histories: readonly number[],
  sessionsEach: number,
): Promise<readonly Resumable[]> {
  const seeds = histories.map((history) => ({ history, template: sessionWith(history) }));
  const wanted = seeds.flatMap(({ history, template }) =>
    Array.from({ length: sessionsEach }, (_, index) => ({ id: `past-${history}-${index}`, history, template })),
  );
  const epochs = await seedHeads(log, partitions, wanted);
  const recent = new Map(seeds.map(({ template }) => [template, since(template, uncoveredTokens)]));
  await Promise.all(
    wanted.map((session, index) =>
      writeSince(log, partitions, session, epochs[index] ?? 0, recent.get(session.template) ?? []),
    ),
  );
  return wanted.map(({ id, history, template }, index) => {
    const cursor = { epoch: String(epochs[index] ?? 0), seq: template.state.seq - missedTokens };
    return { id, history, cursor };
  });
}

/** A conversation of at least so many events. */
function sessionWith(events: number): WrittenSession {
  const session = new WrittenSession();
  session.join();
  while (session.state.seq < events) turn(session, tokensPerAnswer);
  return session;
}
