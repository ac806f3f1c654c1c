import { TOPICS } from "@perdure/replica";
import type { Cluster } from "../cluster/cluster.ts";
import { checkHeads, checkPages, checkWatermarks, coveredOffsets } from "./checkpoints.ts";
import { checkEnding } from "./ending.ts";
import { Findings } from "./findings.ts";
import { foldAll } from "./history.ts";
import { checkExpiries, checkUpgrades } from "./leases.ts";
import { checkHeard, compareSeen } from "./readers.ts";
import { checkRules } from "./rules.ts";
import { compareWalked } from "./walks.ts";
import { compareWholes } from "./wholes.ts";
import { checkCounts, checkLedger, checkSent, checkTold } from "./writers.ts";

/**
 * Holds a run against the whole log: folds it from its first record, whatever was trimmed since, and compares with that
 * every head, page and watermark ever written, everything that readers got, and everything that writers were told.
 */
export async function judge(cluster: Cluster): Promise<readonly string[]> {
  const { broker, recorder } = cluster;
  const findings = new Findings();
  cluster.lookNow();
  const walked = new Set(recorder.walked);
  const wholes = new Set(recorder.wholes);
  const histories = foldAll(broker.partitions(TOPICS.events), {
    offsets: coveredOffsets(broker),
    prepare: (history) => {
      compareSeen(history, recorder.seen, findings);
      compareWalked(history, walked, findings);
      compareWholes(history, wholes, findings);
    },
  });
  for (const { sessionKey, head } of walked)
    findings.add("resume", `${sessionKey} was at ${head.seq ?? 0} over HTTP, where no record of it ends`);
  for (const { reader, sessionKey, seq } of wholes)
    findings.add("resume", `${reader} shows ${sessionKey} at ${seq}, where no record of it ends`);
  const writers = new Map([...histories].map(([key, history]) => [key, checkLedger(history, findings)]));
  for (const history of histories.values()) checkRules(history, findings);
  checkTold(recorder.told, writers, findings);
  checkSent(recorder, histories, findings);
  checkCounts(recorder, histories, findings);
  checkHeads(broker, histories, findings);
  checkWatermarks(broker, histories, findings);
  await checkPages(broker, histories, findings);
  checkHeard(recorder.heard, histories, findings);
  checkExpiries(broker, findings);
  checkUpgrades(broker, histories, findings);
  checkEnding(cluster, histories, findings);
  return [...recorder.faults, ...findings.all];
}
