// `./dev bench slow [--json] [--slow N] [--rounds N] [--seconds N] [--buffered KIB]`: what slow clients cost the others
// and the edge. Fast readers follow a session, by turns alone and beside slow readers that lag in it; from append to
// arrival. By turns too, the same through bare uWebSockets that reads the same broker and sends the same bytes: what the
// machine makes of it. KIB: what may wait for a client, by default as much as by an edge's default. Linux, with python3,
// which gives the slow ones small TCP buffers. One more round comes first and does not count, since the broker's and all
// others' code is compiled in it.
import { DEFAULT_EDGE_LIMITS } from "@perdure/edge";
import { partitionOf } from "@perdure/log";
import { sessionKey } from "@perdure/protocol";
import { NODE_FLAGS } from "@perdure/service-kit";
import type { Samples, Summary } from "./latency/samples.ts";
import { residentBytes } from "./measure/process-usage.ts";
import { type Mark, print, type Report, type Row, type Table } from "./measure/report.ts";
import { benchTenant } from "./session/written-session.ts";
import type { FromBareEdge, ToBareEdge } from "./slow/bare-edge.ts";
import { fastCount, Lane, type Sender, tokensPerSecond, trickleBytes } from "./slow/lane.ts";
import { floodChunkBytes, Stage } from "./slow/stage.ts";
import { ChildProgram } from "./stand/child-program.ts";
import { startCluster } from "./stand/cluster.ts";
import { observerToken } from "./stand/token.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench slow [--json] [--slow N] [--rounds N] [--seconds S] [--buffered KIB]", {
  options: {
    json: { type: "boolean", default: false },
    slow: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    buffered: { type: "string", default: String(DEFAULT_EDGE_LIMITS.maxBufferedBytes / 1024) },
  },
});
const slowCount = numberOption("slow", values.slow);
const rounds = numberOption("rounds", values.rounds);
const bufferedBytes = numberOption("buffered", values.buffered) * 1024;
/** A frame may come on top. uWebSockets' buffers grow by doubling, so a byte that waits costs up to two. */
const capBytes = 2 * (bufferedBytes + floodChunkBytes);
/** With fewer, the process's memory moves more by itself than by them. */
const weighedCount = 500;
const memory = { withoutBytes: 0, attachedBytes: 0, laggingBytes: 0 };

const cluster = await startCluster({
  services: ["edge"],
  environment: { PERDURE_EDGE_BUFFERED_BYTES: String(bufferedBytes), PERDURE_EDGE_LAG_MS: "3600000" },
});
const bare = new ChildProgram<ToBareEdge, FromBareEdge>(new URL("slow/bare-edge.ts", import.meta.url), NODE_FLAGS);
try {
  print(await measure(), values.json);
} finally {
  await bare.close();
  await cluster.stop();
}

async function measure(): Promise<Report> {
  const lanes = { edge: await openLane("edge", edgeSender), bare: await openLane("bare uWebSockets", bareSender) };
  memory.withoutBytes = edgeBytes();
  for (let round = 0; round <= rounds; round += 1) {
    await lanes.bare.withoutSlow();
    await lanes.edge.withoutSlow();
    await lanes.bare.withSlow(nothing, nothing);
    await lanes.edge.withSlow(noteAttached, noteLagging);
    if (round === 0) for (const lane of [lanes.bare, lanes.edge]) lane.forget();
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  await lanes.edge.close();
  await lanes.bare.close();
  return report(lanes.edge, lanes.bare);
}

async function openLane(name: string, senderOf: (session: string) => Promise<Sender>): Promise<Lane> {
  const stage = await Stage.begin(await cluster.openLog(), cluster.partitions, name.replaceAll(" ", "-"));
  const token = await observerToken(cluster.secret);
  const sender = await senderOf(stage.session);
  const lane = new Lane({
    name,
    sender,
    stage,
    token,
    slowCount,
    bufferedBytes,
    roundMs: numberOption("seconds", values.seconds) * 1_000,
  });
  await lane.open();
  return lane;
}

async function edgeSender(): Promise<Sender> {
  return {
    port: cluster.edgePort,
    laggingCount: () => cluster.metric("edge", "perdure_edge_lagging_connections"),
  };
}

async function bareSender(session: string): Promise<Sender> {
  const { brokers, topicPrefix, partitions } = cluster;
  const partition = partitionOf(sessionKey(benchTenant, session), partitions);
  const answer = await bare.ask({ t: "begin", brokers, topicPrefix, partition, session, bufferedBytes });
  if (answer.t !== "listening") throw new Error("the bare server does not listen");
  const laggingCount = async (): Promise<number> => {
    const counted = await bare.ask({ t: "count" });
    return counted.t === "lagging" ? counted.count : 0;
  };
  return { port: answer.port, laggingCount };
}

function nothing(): void {}

/** Later it still holds what was freed since. */
function noteAttached(): void {
  if (memory.attachedBytes === 0) memory.attachedBytes = edgeBytes();
}

function noteLagging(): void {
  memory.laggingBytes = Math.max(memory.laggingBytes, edgeBytes());
}

function edgeBytes(): number {
  return residentBytes(cluster.service("edge").pid);
}

function report(edge: Lane, floor: Lane): Report {
  const laggingKb = eachKb(memory.laggingBytes);
  const weighed = slowCount >= weighedCount;
  return {
    bench: "slow",
    setting: `${fastCount} fast readers and ${slowCount} slow ones that take ${trickleBytes} bytes a second, of one session with ${tokensPerSecond} tokens a second; ${rounds} rounds of ${values.seconds} s each, in turns`,
    tables: [tableOf(edge), tableOf(floor), ...(weighed ? [memoryTable(laggingKb)] : [])],
    marks: [
      {
        what: `fast readers' p99 beside ${slowCount} slow ones to alone`,
        unit: "times",
        measured: p99Ms(edge.beside) / p99Ms(edge.alone),
        limit: 1.2,
      },
      {
        what: `fast readers' p99 while ${slowCount} catch up at once to alone`,
        unit: "times",
        measured: p99Ms(edge.catchingUp) / p99Ms(edge.alone),
        limit: 1.2,
      },
      {
        what: `the same to that of bare uWebSockets`,
        unit: "times",
        measured: p99Ms(edge.catchingUp) / p99Ms(floor.catchingUp),
        limit: 1.2,
      },
      ...(weighed ? [memoryMark(laggingKb)] : []),
    ],
  };
}

function p99Ms(samples: Samples): number {
  return samples.summary().p99Ms;
}

function tableOf({ name, alone, beside, catchingUp }: Lane): Table {
  const row = (what: string, { p50Ms, p95Ms, p99Ms: slowMs, maxMs }: Summary): Row => ({
    name: what,
    values: [p50Ms, p95Ms, slowMs, maxMs, slowMs / p99Ms(alone)],
  });
  return {
    title: `${name}: a token to each fast reader, from append to arrival`,
    columns: ["p50 ms", "p95 ms", "p99 ms", "max ms", "p99 to alone"],
    plotted: ["p50 ms", "p99 ms"],
    rows: [
      row("alone", alone.summary()),
      row(`beside ${slowCount} that lag`, beside.summary()),
      row(`while ${slowCount} catch up at once`, catchingUp.summary()),
    ],
  };
}

function memoryTable(laggingKb: number): Table {
  return {
    title: "resident memory of the edge, for each slow reader",
    columns: ["KB"],
    plotted: ["KB"],
    rows: [
      { name: "attached", values: [eachKb(memory.attachedBytes)] },
      { name: "lagging", values: [laggingKb] },
      { name: "cap", values: [capBytes / 1024] },
    ],
  };
}

function memoryMark(laggingKb: number): Mark {
  return {
    what: "memory of a slow reader to its cap, twice PERDURE_EDGE_BUFFERED_BYTES and a frame",
    unit: "times",
    measured: (laggingKb * 1024) / capBytes,
    limit: 1,
  };
}

function eachKb(bytes: number): number {
  return (bytes - memory.withoutBytes) / slowCount / 1024;
}
