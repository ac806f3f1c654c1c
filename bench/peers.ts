// `./dev bench peers [--json]`: perdure beside Centrifugo (fed by its Kafka consumer) and Socket.IO (Redis streams): from
// publish to screen, CPU of a delivery, bytes on the wire, and what a client that was away never gets. The peers are
// fetched into .runtime/peers; one that cannot be had is left out, and said so.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { print, type Row } from "./measure/report.ts";
import { measureAbsence } from "./peers/absence.ts";
import { startCentrifugo } from "./peers/centrifugo.ts";
import { measureDeliveries } from "./peers/deliveries.ts";
import { centrifugoProgram, redisProgram, socketIoFolder } from "./peers/fetched.ts";
import { measureLatencies } from "./peers/latencies.ts";
import { historyMs, historySize, type Memory, type Peer, recoveryMs, streamLength } from "./peers/peer.ts";
import { startPerdure } from "./peers/perdure.ts";
import { startSocketIo } from "./peers/socket-io.ts";
import { startCluster } from "./stand/cluster.ts";
import { readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench peers [--json]", {
  options: { json: { type: "boolean", default: false } },
});
const latency = { perSecond: 100, roundMs: 3_000, rounds: 3 };
const delivery = { clients: 500, perSecond: 20, durationMs: 3_000 };
const tenSecondsMs = 10_000;
/** Ten minutes and all the times that peers remember, at a twentieth. */
const scale = 1 / 20;
const tenMinutesMs = 600_000 * scale;

const programs = { centrifugo: centrifugoProgram(), redis: redisProgram(), socketIo: socketIoFolder() };
const dir = await mkdtemp(join(tmpdir(), "perdure-bench-peers-"));
const cluster = await startCluster({ services: ["edge"] });
const log = await cluster.openLog();
const running: Peer[] = [];
try {
  const whole = await startAll("whole", { scale: 1 });
  const scaled = await startAll("scaled", { scale });
  const samples = await measureLatencies(whole, latency);
  const deliveries: Awaited<ReturnType<typeof measureDeliveries>>[] = [];
  for (const peer of whole) deliveries.push(await measureDeliveries(peer, delivery));
  const [short, long] = await Promise.all([
    Promise.all(whole.map((peer) => measureAbsence(peer, tenSecondsMs))),
    Promise.all(scaled.map((peer) => measureAbsence(peer, tenMinutesMs))),
  ]);
  const rows = (of: (index: number) => readonly number[]): Row[] =>
    whole.map(({ name }, index) => ({ name, values: of(index) }));
  print(
    {
      bench: "peers",
      setting: `Centrifugo with history ${historySize} and ${historyMs / 1_000} s, Socket.IO with recovery ${recoveryMs / 1_000} s and a stream of ${streamLength}; ten minutes stand for themselves at a twentieth, and so do these`,
      tables: [
        {
          title: `from publish to screen, ${latency.perSecond} tokens/s`,
          columns: ["p50 ms", "p95 ms", "p99 ms"],
          plotted: ["p50 ms", "p99 ms"],
          rows: rows((index) => {
            const { p50Ms, p95Ms, p99Ms } = samples[index]?.summary() ?? { p50Ms: 0, p95Ms: 0, p99Ms: 0 };
            return [p50Ms, p95Ms, p99Ms];
          }),
        },
        {
          title: `${delivery.clients} clients on one channel`,
          columns: ["CPU µs/delivery", "bytes/token"],
          plotted: ["CPU µs/delivery"],
          rows: rows((index) => [deliveries[index]?.cpuUs ?? 0, deliveries[index]?.wireBytes ?? 0]),
        },
        {
          title: "tokens that a client never gets, 50 tokens/s",
          columns: ["10 s: sent", "10 s: missed", "10 min/20: sent", "10 min/20: missed"],
          plotted: ["10 s: missed", "10 min/20: missed"],
          rows: rows((index) => [short, long].flatMap((all) => [all[index]?.published ?? 0, all[index]?.missed ?? 0])),
        },
      ],
      marks: [],
    },
    values.json,
  );
} finally {
  for (const peer of running.toReversed()) await peer.stop();
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
}

async function startAll(name: string, memory: Memory): Promise<Peer[]> {
  const { centrifugo, redis, socketIo } = programs;
  const started = [await startPerdure(cluster, log, name)];
  if (centrifugo !== undefined)
    started.push(await startCentrifugo(centrifugo, cluster, log, `peer-${name}`, dir, memory));
  if (redis !== undefined && socketIo !== undefined) started.push(await startSocketIo(redis, socketIo, dir, memory));
  running.push(...started);
  return started;
}
