// People at an edge of the world's log, with the client SDK.
import { type Client, createClient, type Session } from "@perdure/client";
import { type Edge, startEdge } from "@perdure/edge";
import { createMetrics, createVerifier } from "@perdure/service-kit";
import { logger, PARTITIONS, SECRET, type World } from "./world.ts";

/** An edge, and the clients that a test opens at it. */
export class People {
  readonly #world: World;
  readonly #edge: Edge;
  readonly #clients: Client[] = [];

  static async at(world: World): Promise<People> {
    const edge = await startEdge({
      log: world.log,
      partitions: PARTITIONS,
      verifier: createVerifier({ keys: { kind: "secret", secret: SECRET } }),
      logger,
      metrics: createMetrics({ service: "edge", node: "edge-1" }),
      onReplaced: () => undefined,
      config: {
        node: "edge-1",
        host: "127.0.0.1",
        port: 0,
        leaseMs: 6_000,
        beatMs: 2_000,
        allowedOrigins: [],
        allowedHosts: ["127.0.0.1"],
      },
    });
    return new People(world, edge);
  }

  private constructor(world: World, edge: Edge) {
    this.#world = world;
    this.#edge = edge;
  }

  session(id: string, participant: string, role: "user" | "operator" = "user"): Session {
    const client = createClient({
      url: `ws://127.0.0.1:${this.#edge.port}/v1/connect`,
      getToken: () => this.#world.token({ participant, role, sessions: ["*"], mayCreate: true }),
    });
    this.#clients.push(client);
    return client.session(id, { defaultAgent: "helper" });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#edge.stop();
  }
}

/** Resolves with what `look` finds in the view, now or after a change. */
export function seen<Found>(session: Session, look: (view: Session["view"]) => Found | undefined): Promise<Found> {
  const { promise, resolve } = Promise.withResolvers<Found>();
  const end = session.select(look, (found) => {
    if (found !== undefined) resolve(found);
  });
  return promise.finally(() => end());
}
