// `./dev bench slow [--json] [--slow N] [--rounds N] [--seconds N] [--buffered KIB]`: what slow clients cost the others
// and the edge. Fast readers follow a session, by turns alone and beside slow readers that lag in it; from append to
// arrival. KIB: what may wait for a client, by default as much as by an edge's default. Linux, with python3, which gives
// the slow ones small TCP buffers.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { pace } from "./latency/pacer.ts";
import { Samples, type Summary } from "./latency/samples.ts";
import { residentBytes } from "./measure/process-usage.ts";
import { print, type Report } from "./measure/report.ts";
import { FastReaders } from "./slow/fast-readers.ts";
import { SlowCrowd } from "./slow/slow-crowd.ts";
import { floodChunkBytes, Stage } from "./slow/stage.ts";
import { startCluster } from "./stand/cluster.ts";
import { observerToken } from "./stand/token.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    slow: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "6" },
    buffered: { type: "string", default: "64" },
  },
});
const slowCount = Number(values.slow);
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1_000;
const fastCount = 20;
const tokensPerSecond = 100;
const bufferedBytes = Number(values.buffered) * 1024;
/** A frame may come on top. uWebSockets' buffers grow by doubling, so a byte that waits costs up to two. */
const capBytes = 2 * (bufferedBytes + floodChunkBytes);
const trickleBytes = 512;
const warmUpMs = 2_000;
const catchUpMs = 3_000;
/** Presence is written, and what was freed is given back. */
const settleMs = 3_000;

const alone = new Samples();
const beside = new Samples();
const catchingUp = new Samples();
const memory = { withoutBytes: 0, attachedBytes: 0, laggingBytes: 0 };

const cluster = await startCluster({
  services: ["edge"],
  environment: { PERDURE_EDGE_BUFFERED_BYTES: String(bufferedBytes), PERDURE_EDGE_LAG_MS: "3600000" },
});
try {
  await measure();
} finally {
  await cluster.stop();
}
print(report(), values.json);

async function measure(): Promise<void> {
  const stage = await Stage.begin(await cluster.openLog(), cluster.partitions, "slow");
  const token = await observerToken(cluster.secret);
  const fast = new FastReaders();
  await fast.open(fastCount, cluster.edgeUrl, token, stage.session);
  const slow = new SlowCrowd(cluster.edgePort, stage.session, token);
  const stream = async (durationMs: number): Promise<Samples> => {
    const written: Promise<void>[] = [];
    await pace(tokensPerSecond, durationMs, () => written.push(stage.token(fast.next())));
    await Promise.all(written);
    return fast.settled();
  };
  await stream(warmUpMs);
  memory.withoutBytes = edgeBytes();
  for (let round = 1; round <= rounds; round += 1) {
    alone.addAll(await stream(roundMs));
    await lag(slow, stage);
    beside.addAll(await stream(roundMs));
    memory.laggingBytes = Math.max(memory.laggingBytes, edgeBytes());
    const drained = slow.drain();
    catchingUp.addAll(await stream(catchUpMs));
    await drained;
    await slow.disconnect();
    await sleep(settleMs);
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  await slow.end();
  fast.close();
}

/** The slow readers come, and more happens than may wait for them. */
async function lag(slow: SlowCrowd, stage: Stage): Promise<void> {
  await slow.open(slowCount);
  await slow.trickle(trickleBytes);
  await sleep(settleMs);
  // Later it still holds what was freed since.
  if (memory.attachedBytes === 0) memory.attachedBytes = edgeBytes();
  await stage.flood(bufferedBytes);
  while ((await cluster.metric("edge", "perdure_edge_lagging_connections")) < slowCount) {
    await stage.flood(bufferedBytes / 4);
  }
  await sleep(settleMs);
}

function edgeBytes(): number {
  return residentBytes(cluster.service("edge").pid);
}

function report(): Report {
  const [without, withThem, during] = [alone, beside, catchingUp].map((samples) => samples.summary());
  if (without === undefined || withThem === undefined || during === undefined) throw new Error("nothing was measured");
  const row = (name: string, { p50Ms, p95Ms, p99Ms, maxMs }: Summary) => ({
    name,
    values: [p50Ms, p95Ms, p99Ms, maxMs],
  });
  const eachKb = (bytes: number): number => (bytes - memory.withoutBytes) / slowCount / 1024;
  return {
    bench: "slow",
    setting: `${fastCount} fast readers and ${slowCount} slow ones that take ${trickleBytes} bytes a second, of one session with ${tokensPerSecond} tokens a second; ${rounds} rounds of ${values.seconds} s each, in turns`,
    tables: [
      {
        title: "a token to each fast reader, from append to arrival",
        columns: ["p50 ms", "p95 ms", "p99 ms", "max ms"],
        plotted: ["p50 ms", "p99 ms"],
        rows: [
          row("alone", without),
          row(`beside ${slowCount} that lag`, withThem),
          row(`while ${slowCount} catch up at once`, during),
        ],
      },
      {
        title: "resident memory of the edge, for each slow reader",
        columns: ["KB"],
        plotted: ["KB"],
        rows: [
          { name: "attached", values: [eachKb(memory.attachedBytes)] },
          { name: "lagging", values: [eachKb(memory.laggingBytes)] },
          { name: "cap", values: [capBytes / 1024] },
        ],
      },
    ],
    marks: [
      {
        what: `fast readers' p99 beside ${slowCount} slow ones to alone`,
        unit: "times",
        measured: withThem.p99Ms / without.p99Ms,
        limit: 1.2,
      },
      {
        what: `fast readers' p99 while ${slowCount} catch up at once to alone`,
        unit: "times",
        measured: during.p99Ms / without.p99Ms,
        limit: 1.2,
      },
      {
        what: "memory of a slow reader to its cap, twice PERDURE_EDGE_BUFFERED_BYTES and a frame",
        unit: "times",
        measured: (eachKb(memory.laggingBytes) * 1024) / capBytes,
        limit: 1,
      },
    ],
  };
}
