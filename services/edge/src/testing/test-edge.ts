import type { ClientFrame } from "@perdure/protocol";
import type { Replica } from "@perdure/replica";
import { ManualClock } from "@perdure/replica/testing";
import { createLogger, createMetrics, type Verifier } from "@perdure/service-kit";
import { Connections } from "../connections.ts";
import { Fanout } from "../fanout.ts";
import { HistoryReader } from "../history.ts";
import { DEFAULT_EDGE_LIMITS, type EdgeLimits } from "../limits.ts";
import { edgeMetrics } from "../metrics.ts";
import { Rooms } from "../rooms.ts";
import { Socket } from "../socket.ts";
import { Turns } from "../turns.ts";
import { Updates } from "../updates.ts";
import { grantOf } from "./grants.ts";
import { TestNetwork, TestSocket } from "./test-network.ts";
import { TestReader } from "./test-reader.ts";

/** The session of those tests that have only one. */
const SESSION = "trip";

/** A token is the participant's name; observers' begin with `observer`. */
const ofNames: Verifier = {
  verify: (token = "") => Promise.resolve(grantOf(token, token.startsWith("observer") ? "ROLE_OBSERVER" : "ROLE_USER")),
};

/** An edge without a network: its real connections and rooms on sockets that do what a test says. */
export class TestEdge {
  readonly clock = new ManualClock();
  readonly connections: Connections;
  readonly rooms: Rooms;
  incarnation = 1;
  readonly registry = createMetrics({ service: "edge", node: "edge-1" });
  readonly limits: EdgeLimits;
  readonly #network = new TestNetwork();

  constructor(replica: Replica, limits: Partial<EdgeLimits> = {}, verifier = ofNames) {
    this.limits = { ...DEFAULT_EDGE_LIMITS, ...limits };
    const logger = createLogger({ service: "edge", node: "edge-1", level: "silent" });
    const metrics = edgeMetrics(this.registry);
    const fanout = new Fanout(this.#network);
    const shared = { limits: this.limits, metrics, clock: this.clock, logger };
    const declaredOver = (incarnation: number): void => void (this.incarnation = incarnation + 1);
    const node = { name: "edge-1", incarnation: () => this.incarnation, declaredOver };
    this.rooms = new Rooms({ ...shared, replica, node, fanout });
    const history = new HistoryReader(replica);
    const turns = new Turns();
    const own = { nodeName: "edge-1", verifier, rooms: this.rooms, history, turns, updates: new Updates(turns) };
    this.connections = new Connections({ ...shared, ...own });
  }

  /** A client that has said nothing yet. */
  open(fast = true): TestClient {
    const client = new TestClient(this.#network, fast);
    const socket = new Socket(client.socket, this.limits);
    client.socket.getUserData().socket = socket;
    client.socket.receiver = this.connections.open(socket, true);
    return client;
  }

  /** A client that has said hello. */
  async client(participant: string, fast = true): Promise<TestClient> {
    const client = this.open(fast);
    client.socket.say({ t: "hello", v: 1, token: participant });
    await settle();
    return client;
  }

  async metric(name: string): Promise<number> {
    const metric = await this.registry.getSingleMetric(name)?.get();
    return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
  }
}

export class TestClient {
  readonly socket: TestSocket;
  readonly #readers = new Map<string, TestReader>();
  #requests = 0;

  constructor(network: TestNetwork, fast: boolean) {
    this.readerOf(SESSION);
    this.socket = new TestSocket(network, fast, (frame) => {
      for (const reader of this.#readers.values()) reader.take(frame);
    });
  }

  get reader(): TestReader {
    return this.readerOf(SESSION);
  }

  readerOf(session: string): TestReader {
    const reader = this.#readers.get(session) ?? new TestReader();
    this.#readers.set(session, reader);
    return reader;
  }

  /** Follows the session from where this client is. */
  attach(session = SESSION): void {
    const reader = this.readerOf(session);
    const { epoch, seq } = reader.state;
    this.#requests += 1;
    reader.attaching(this.#requests);
    const cursor = epoch === undefined ? {} : { cursor: { epoch: String(epoch), seq } };
    this.socket.say({ t: "attach", id: this.#requests, session, ...cursor });
  }

  detach(session = SESSION): void {
    const reader = this.readerOf(session);
    const { handle } = reader;
    reader.detached();
    if (handle !== undefined) this.socket.say({ t: "detach", h: handle });
  }

  say(frame: ClientFrame): void {
    this.socket.say(frame);
  }

  /** Takes what waits, and what comes of that, until nothing does. */
  async takeAll(): Promise<void> {
    do {
      this.socket.take(Infinity);
      await settle();
    } while (this.socket.getBufferedAmount() > 0);
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
