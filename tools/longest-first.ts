// The order in which test files begin: those known to take long first, so that the run does not end waiting for one.
import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

/**
 * By measured time; but those with several brokers, which take what processor there is, begin when the browser is through.
 * Of the others vitest takes the larger first, or the longer where it knows from an earlier run.
 */
const LONGEST = [
  "test/browser/workbench.browser.test.ts",
  "packages/log-kafka/src/faults.kafka.test.ts",
  "test/system/streams.system.test.ts",
  "test/system/analyst.system.test.ts",
  "packages/log-kafka/src/race.kafka.test.ts",
  "tools/kafka/brokers.kafka.test.ts",
  "test/system/broker-away.system.test.ts",
  "packages/log-kafka/src/leader.kafka.test.ts",
];

const rankOf = ({ moduleId }: TestSpecification): number => {
  const rank = LONGEST.findIndex((file) => moduleId.endsWith(`/${file}`));
  return rank < 0 ? LONGEST.length : rank;
};

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own method, not an array's
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => rankOf(one) - rankOf(other));
  }
}
