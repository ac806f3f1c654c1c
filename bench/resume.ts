// `./dev bench resume [--json] [--sessions N] [--clients N]`: how long a client waits for a session's state, warm and
// cold, by the length of the session's history; and 5,000 clients that come at once to an edge that has just begun.
import { Crowd, follower } from "./crowd/crowd.ts";
import type { StormResult } from "./crowd/messages.ts";
import { Samples, type Summary } from "./latency/samples.ts";
import { print, type Row } from "./measure/report.ts";
import { Attacher } from "./resume/attacher.ts";
import { type Resumable, writeHistories } from "./resume/histories.ts";
import { startCluster } from "./stand/cluster.ts";
import { observerToken } from "./stand/token.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench resume [--json] [--sessions N] [--clients N]", {
  options: {
    json: { type: "boolean", default: false },
    sessions: { type: "string", default: "200" },
    clients: { type: "string", default: "5000" },
  },
});
const sessionCount = numberOption("sessions", values.sessions);
const clientCount = numberOption("clients", values.clients);
const histories = [100, 10_000, 100_000];
const [fewest = 0] = histories;
const most = histories.at(-1) ?? 0;
const coldRounds = 2;
const newSamples = (): Map<number, Samples> => new Map(histories.map((history) => [history, new Samples()]));

const cluster = await startCluster({ services: [] });
try {
  const token = await observerToken(cluster.secret);
  const log = await cluster.openLog();
  const sessions = await writeHistories(log, cluster.partitions, histories, sessionCount);
  const [floor, cold, warm, resumed] = [new Samples(), newSamples(), newSamples(), newSamples()];
  for (let round = 0; round < coldRounds; round += 1) {
    for (const history of histories) {
      // An edge for each, so that every history opens all partitions, from a process that has done nothing yet.
      const edge = await cluster.start("edge");
      const attacher = new Attacher(cluster.edgePort, token);
      const ofHistory = sessions.filter((session) => session.history === history);
      await attachAll(attacher, ofHistory, cold, "snapshot");
      for (let count = 0; count < ofHistory.length; count += 1) floor.add(await attacher.roundTrip());
      await attachAll(attacher, ofHistory, warm, "snapshot");
      await attachAll(attacher, ofHistory, resumed, "resumed");
      attacher.close();
      await edge.stop();
    }
  }
  const calmed = await allAtOnce(sessions, token);
  report({ floor: floor.summary(), cold, warm, resumed, calmed });
} finally {
  await cluster.stop();
}

async function attachAll(
  attacher: Attacher,
  sessions: readonly Resumable[],
  samples: Map<number, Samples>,
  how: "snapshot" | "resumed",
): Promise<void> {
  for (const { id, history, cursor } of sessions) {
    const { tookMs, answer } = await attacher.attach(id, how === "resumed" ? cursor : undefined);
    if (answer.how !== how) throw new Error(`${id} was ${answer.how}, not ${how}`);
    samples.get(history)?.add(tookMs);
  }
}

async function allAtOnce(sessions: readonly Resumable[], token: string): Promise<StormResult> {
  await cluster.start("edge");
  const crowd = new Crowd();
  const clients = Array.from({ length: clientCount }, (_, index) => {
    const session = sessions[index % sessions.length];
    return follower(token, session?.id ?? "", session?.cursor);
  });
  const result = await crowd.storm(cluster.edgePort, "/v1/connect", clients);
  await crowd.close();
  return result;
}

interface Found {
  readonly floor: Summary;
  readonly cold: Map<number, Samples>;
  readonly warm: Map<number, Samples>;
  readonly resumed: Map<number, Samples>;
  readonly calmed: StormResult;
}

function report({ floor, cold, warm, resumed, calmed }: Found): void {
  const of = (samples: Map<number, Samples>, history: number): Summary =>
    (samples.get(history) ?? new Samples()).summary();
  const rows = (name: string, samples: Map<number, Samples>): Row[] =>
    histories.map((history) => row(`${name}, ${history} events`, of(samples, history)));
  const row = (name: string, { p50Ms, p95Ms, p99Ms }: Summary): Row => ({ name, values: [p50Ms, p95Ms, p99Ms] });
  const all = new Samples();
  for (const tookMs of calmed.tookMs) all.add(tookMs);
  const storm = all.summary();
  const worst = (samples: Map<number, Samples>): number =>
    Math.max(...histories.map((history) => of(samples, history).p99Ms));
  const grows = (samples: Map<number, Samples>): number => of(samples, most).p99Ms / of(samples, fewest).p99Ms;
  const columns = ["p50 ms", "p95 ms", "p99 ms"];
  print(
    {
      bench: "resume",
      setting: `${sessionCount} sessions of each history, ${coldRounds} starts of the edge for each; cold: nothing of the session in memory, 16 partitions opened on the way`,
      tables: [
        {
          title: "from attach to its answer",
          columns,
          plotted: columns,
          rows: [
            row("floor: one frame there and back", floor),
            ...rows("warm, resumed", resumed),
            ...rows("warm, snapshot", warm),
            ...rows("cold, snapshot", cold),
          ],
        },
        {
          title: `${clientCount} clients at once, on an edge that has just begun`,
          columns: ["p50 ms", "p99 ms", "last ms", "resumed", "other", "sent away"],
          plotted: ["p50 ms", "p99 ms", "last ms"],
          rows: [
            {
              name: "until attached",
              values: [
                storm.p50Ms,
                storm.p99Ms,
                storm.maxMs,
                calmed.how["resumed"] ?? 0,
                calmed.tookMs.length - (calmed.how["resumed"] ?? 0),
                calmed.refused,
              ],
            },
          ],
        },
      ],
      marks: [
        { what: "attach p99, warm", unit: "ms", measured: Math.max(worst(warm), worst(resumed)), limit: 25 },
        { what: "attach p99, cold", unit: "ms", measured: worst(cold), limit: 100 },
        { what: `p99 of ${most} to ${fewest} events, warm`, unit: "times", measured: grows(warm), limit: 1.5 },
        { what: `p99 of ${most} to ${fewest} events, cold`, unit: "times", measured: grows(cold), limit: 1.5 },
        {
          what: "of those at once, not resumed",
          unit: "clients",
          measured: storm.count - (calmed.how["resumed"] ?? 0),
          limit: 0,
        },
        {
          what: "of those at once, refused without a time",
          unit: "times",
          measured: calmed.refusedWithoutTime,
          limit: 0,
        },
      ],
    },
    values.json,
  );
}
