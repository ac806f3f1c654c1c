// `./dev bench kafka-clients [--json] [--rounds N]`: eight writers through each client while connections are cut, stalled
// and brokers killed; what became of what was acknowledged, as kafkajs reads it. docs/adr/0006 has the results.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenClient, openKafkajs, openLog, openPlatformatic } from "../packages/log-kafka/test/race/clients.ts";
import { cuts, cutsInFrames, type Disturb, killsAndRestarts } from "../packages/log-kafka/test/race/disturbances.ts";
import { type RaceResult, runRace } from "../packages/log-kafka/test/race/race.ts";
import { EIGHT_WRITERS, type Race } from "../packages/log-kafka/test/race/writers.ts";
import { startProxiedBrokers } from "../tools/kafka/proxied-brokers.ts";
import { numberOption, readOptions } from "../tools/options.ts";

const { values } = readOptions("./dev bench kafka-clients [--json] [--rounds N]", {
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "3" } },
});
const rounds = numberOption("rounds", values.rounds);

const clients: Readonly<Record<string, OpenClient>> = {
  "kafkajs producer": openKafkajs,
  "@platformatic/kafka producer": openPlatformatic,
  "this log": openLog,
};
const PATIENT: Race = { ...EIGHT_WRITERS, patienceMs: 30_000 };
const disturbances: Readonly<Record<string, readonly [Disturb, Race]>> = {
  "connections cut": [cuts, PATIENT],
  "cut in the middle of frames": [cutsInFrames, PATIENT],
  "broker killed with -9": [killsAndRestarts, { ...PATIENT, everyMs: 10 }],
};

interface Row extends Omit<RaceResult, "refused"> {
  /** Refused, or without an answer to the end. */
  readonly unacknowledged: number;
  /** Exceptions that nobody can catch: each would have ended the process. */
  readonly crashes: number;
  readonly disturbance: string;
  readonly client: string;
  readonly round: number;
}

let crashes = 0;
process.on("uncaughtException", () => {
  crashes += 1;
});

const dir = mkdtempSync(join(tmpdir(), "perdure-clients-"));
const place = await startProxiedBrokers({ dir, count: 1 });
const rows: Row[] = [];
try {
  for (const [disturbance, [disturb, race]] of Object.entries(disturbances)) {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [client, open] of Object.entries(clients)) {
        const crashesBefore = crashes;
        const { refused: _refused, ...result } = await runRace(place, open, disturb, race);
        const unacknowledged = race.writers * race.entriesPerWriter - result.acknowledged;
        rows.push({ disturbance, client, round, ...result, unacknowledged, crashes: crashes - crashesBefore });
        process.stderr.write(`${disturbance}, ${client}: round ${round} of ${rounds}\n`);
      }
    }
  }
} finally {
  await place.kill();
  rmSync(dir, { recursive: true, force: true });
}
console.log(values.json ? JSON.stringify(rows, null, 2) : table());

function table(): string {
  const cell = ({ lost, doubled, outOfOrder, unacknowledged, crashes: ended }: Row): string =>
    [lost, doubled, outOfOrder, unacknowledged, ended].join(" / ");
  const lines = Object.keys(disturbances).flatMap((disturbance) =>
    Object.keys(clients).map((client) => {
      const own = rows.filter((row) => row.disturbance === disturbance && row.client === client);
      return `| ${disturbance} | ${client} | ${own.map(cell).join(" | ")} |`;
    }),
  );
  const heads = Array.from({ length: rounds }, (_, index) => `run ${index + 1}`);
  return [
    "acknowledged entries lost / entries doubled / out of order / never acknowledged / uncaught exceptions",
    `| | | ${heads.join(" | ")} |`,
    `|---|---|${"---|".repeat(rounds)}`,
    ...lines,
  ].join("\n");
}
