import { setTimeout as sleep } from "node:timers/promises";
import { RawClient } from "../crowd/raw-client.ts";
import { pace } from "../latency/pacer.ts";
import { Samples } from "../latency/samples.ts";
import { Series } from "../latency/series.ts";
import type { Peer } from "./peer.ts";

const settleMs = 500;

/** From publish to the frame at one client, both here: rounds of each peer in turns. */
export async function measureLatencies(
  peers: readonly Peer[],
  { perSecond, roundMs, rounds }: { readonly perSecond: number; readonly roundMs: number; readonly rounds: number },
): Promise<readonly Samples[]> {
  const screens = peers.map((peer) => new Screen(peer));
  const samples = peers.map(() => new Samples());
  await sleep(settleMs);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, peer] of peers.entries()) {
      const series = new Series();
      screens[index]?.show(series);
      await pace(perSecond, roundMs, () => peer.publish(series.next()));
      await series.settled();
      // The first is for warming up.
      if (round > 0) samples[index]?.addAll(series.samples);
    }
  }
  for (const screen of screens) screen.close();
  return samples;
}

class Screen {
  readonly #client: RawClient;
  #series = new Series();

  constructor(peer: Peer) {
    const { port, path } = peer;
    const reader = peer.newReader();
    this.#client = new RawClient({
      port,
      path,
      onOpen: (client) => client.send(reader.greet()),
      onText: (payload, client) => {
        const { texts, answer } = reader.read(payload.toString());
        if (answer !== undefined) client.send(answer);
        for (const text of texts) if (text !== "") this.#series.arrived(text);
      },
      onClose: () => undefined,
    });
  }

  show(series: Series): void {
    this.#series = series;
  }

  close(): void {
    this.#client.cut();
  }
}
