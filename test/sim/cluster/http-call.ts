import type { SimProcess } from "../world/process.ts";
import type { Wires } from "../world/wire.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** Who waits longer than this looks elsewhere. */
const ANSWER_MS = 8_000;

/** Asks whichever node a load balancer chooses. Undefined: none was reached, or it gave no answer. */
export function httpGet(
  wires: Wires,
  process: SimProcess,
  url: string,
  token: string,
): Promise<HttpAnswer | undefined> {
  const { promise, resolve } = Promise.withResolvers<HttpAnswer | undefined>();
  wires.connect(process, "http.edge.any", (wire) => {
    if (wire === undefined) return resolve(undefined);
    const cancel = process.after(ANSWER_MS, () => {
      wire.close();
      resolve(undefined);
    });
    const over = (answer: HttpAnswer | undefined): void => {
      cancel();
      wire.close();
      resolve(answer);
    };
    wire.listener = {
      onPacket: ({ code = 0, text = "" }) => over({ status: code, text }),
      onClosed: () => over(undefined),
    };
    wire.send({ kind: "request", fields: { method: "get", url, host: "localhost", authorization: `Bearer ${token}` } });
  });
  return promise;
}
