import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../crowd/raw-client.ts";
import { pace } from "../latency/pacer.ts";
import { tokenLength } from "../latency/series.ts";
import type { Peer } from "./peer.ts";

const perSecond = 50;
const onlineMs = 2_000;
const settleMs = 1_000;

export interface Absence {
  /** Tokens that were published while the client was away, and of them those that it never got. */
  readonly published: number;
  readonly missed: number;
}

/** A client that goes and comes back with what it knows, while tokens are published all the time. */
export async function measureAbsence(peer: Peer, offlineMs: number): Promise<Absence> {
  const reader = peer.newReader();
  const got = new Set<string>();
  const connect = (): RawClient =>
    new RawClient({
      port: peer.port,
      path: peer.path,
      onOpen: (client) => client.send(reader.greet()),
      onText: (payload, client) => {
        const { texts, answer } = reader.read(payload.toString());
        if (answer !== undefined) client.send(answer);
        for (const text of texts) for (const token of tokensOf(text)) got.add(token);
      },
      onClose: () => undefined,
    });
  const client = connect();
  await sleep(settleMs);
  let sent = 0;
  const publishing = pace(perSecond, 2 * onlineMs + offlineMs, () => {
    peer.publish(`${String(sent).padStart(tokenLength - 1, "0")} `);
    sent += 1;
  });
  await sleep(onlineMs);
  client.cut();
  const left = sent;
  await sleep(offlineMs);
  const back = sent;
  const again = connect();
  const total = await publishing;
  await sleep(settleMs);
  again.cut();
  return { published: back - left, missed: total - got.size };
}

function tokensOf(text: string): string[] {
  return Array.from({ length: text.length / tokenLength }, (_, index) =>
    text.slice(index * tokenLength, (index + 1) * tokenLength),
  );
}
