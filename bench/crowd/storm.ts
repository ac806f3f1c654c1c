import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseServerFrame, type ServerFrame } from "@perdure/protocol/frames";
import type { CrowdClient, StormResult } from "./messages.ts";
import { RawClient } from "./raw-client.ts";

type Answer = Extract<ServerFrame, { readonly t: string }>;

/** All come at once, as after a node's end; who is refused comes again when it was told to. */
export async function storm(port: number, path: string, clients: readonly CrowdClient[]): Promise<StormResult> {
  const result = { how: {} as Record<string, number>, refused: 0, refusedWithoutTime: 0, tookMs: [] as number[] };
  const startMs = performance.now();
  const open: RawClient[] = [];
  const come = async (wanted: CrowdClient): Promise<void> => {
    for (;;) {
      const answer = await tryOnce(port, path, wanted, (client) => open.push(client));
      if (answer?.t === "attached") {
        result.how[answer.how] = (result.how[answer.how] ?? 0) + 1;
        result.tookMs.push(performance.now() - startMs);
        return;
      }
      result.refused += 1;
      const waitMs = answer?.t === "error" ? answer.retryAfterMs : undefined;
      if (waitMs === undefined) result.refusedWithoutTime += 1;
      await sleep(waitMs ?? 1_000);
    }
  };
  await Promise.all(clients.map(come));
  for (const client of open) client.cut();
  return result;
}

/** The frame that attached it or refused it; undefined where the connection ended without one. */
function tryOnce(
  port: number,
  path: string,
  { hello = "", attach = "" }: CrowdClient,
  onOpen: (client: RawClient) => void,
): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
  const client = new RawClient({
    port,
    path,
    onOpen: (opened) => opened.send(hello),
    onText: (payload, from) => {
      const frame = parseServerFrame(payload.toString());
      if (frame === undefined || !("t" in frame)) return;
      if (frame.t === "welcome") from.send(attach);
      if (frame.t === "error") from.cut();
      if (frame.t === "attached" || frame.t === "error") resolve(frame);
    },
    onClose: () => resolve(undefined),
  });
  onOpen(client);
  return promise;
}
