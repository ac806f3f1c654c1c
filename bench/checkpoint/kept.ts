import type { CheckpointScope, Log, NewEntry } from "@perdure/log";
import { startKeeper } from "@perdure/keeper";
import { encodeRecord, keyBytes, sessionKey } from "@perdure/protocol";
import { TOPICS } from "@perdure/replica";
import { alteredLog, TestLog, until } from "@perdure/replica/testing";
import { createLogger } from "@perdure/service-kit";
import { benchTenant, creation, tokenText, WrittenSession, type Written } from "../session/written-session.ts";

/** What one session wrote, and what the keeper wrote of it, in bytes of keys and values. */
export interface KeptBytes {
  readonly events: number;
  readonly heads: number;
  readonly pages: number;
  readonly index: number;
  readonly checkpoints: number;
}

export interface Stream {
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** After so many tokens the agent ends its answer, and a person asks again. */
  readonly tokensPerAnswer: number;
}

/**
 * Streams into one session under a real keeper with its own rhythm, on a clock that is moved by hand: the same records
 * and checkpoints as in that time, without the wait. The log is the embedded one.
 */
export async function streamUnderKeeper(stream: Stream): Promise<KeptBytes> {
  const test = await TestLog.open(1);
  const { clock } = test;
  const written = { heads: 0, pages: 0, index: 0, checkpoints: 0 };
  const log = countingCheckpoints(test.log, written);
  const logger = createLogger({ service: "keeper", node: "bench", level: "error" });
  const keeper = await startKeeper({ log, clock, logger, config: { node: "bench", partitions: 1 } });
  await until(() => keeper.readiness().ready);
  for await (const records of secondsOf(log, stream)) {
    await append(log, records);
    await test.atRest();
    clock.advance(1_000);
    await test.atRest();
  }
  await keeper.stop();
  const { start, end } = await test.log.bounds(TOPICS.events, 0);
  const events = (await test.entries(TOPICS.events, 0)).reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (start > 0) throw new Error(`events before ${start} of ${end} were trimmed: they cannot be counted`);
  await test.close();
  return { events, ...written };
}

/** The log, which counts what its checkpoints write: a compacted topic no longer has it all afterwards. */
function countingCheckpoints(log: Log, written: Record<"heads" | "pages" | "index" | "checkpoints", number>): Log {
  return alteredLog(log, {
    checkpoint: async (ownership, write, options) => {
      const counted = (scope: CheckpointScope): Promise<void> =>
        write({
          append: (topic, entry) => {
            if (topic === TOPICS.heads || topic === TOPICS.pages || topic === TOPICS.index)
              written[topic] += sizeOf(entry);
            return scope.append(topic, entry);
          },
        });
      await log.checkpoint(ownership, counted, options);
      written.checkpoints += 1;
    },
  });
}

const sizeOf = ({ key: { length }, value }: NewEntry): number => length + (value?.length ?? 0);

const key = keyBytes(sessionKey(benchTenant, "streaming"));

async function append(log: Log, records: readonly Uint8Array[]): Promise<void> {
  await Promise.all(records.map((value) => log.append(TOPICS.events, 0, { key, value })));
}

/** The records of each second. */
async function* secondsOf(log: Log, stream: Stream): AsyncGenerator<readonly Uint8Array[]> {
  const { seconds, tokensPerSecond, tokensPerAnswer } = stream;
  const { offset } = await log.append(TOPICS.events, 0, { key, value: encodeRecord(creation) });
  const session = new WrittenSession(offset);
  let records: Written[] = session.join();
  let written = 0;
  for (let second = 0; second < seconds; second += 1) {
    for (let token = 0; token < tokensPerSecond; token += 1) {
      const place = written % tokensPerAnswer;
      if (place === 0 && written > 0) records.push(...session.finish());
      if (place === 0) records.push(...session.ask("And what else is there to see on the way?"));
      records.push(session.token(tokenText(written)));
      written += 1;
    }
    yield records.map(({ value }) => value);
    records = [];
  }
}
