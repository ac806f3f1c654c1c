import type { SourcePatch } from "../world/hooks.ts";

/** A bug to be planted: the simulator has to find it. */
export interface Mutation {
  readonly name: string;
  readonly patches: readonly SourcePatch[];
}

const mutation = (name: string, ...patches: readonly (readonly [file: string, find: string, replace: string])[]) => ({
  name,
  patches: patches.map(([file, find, replace]) => ({ file, find, replace })),
});

const CORE = "packages/core/src";
const REPLICA = "packages/replica/src";
const KEEPER = "services/keeper/src";
const EDGE = "services/edge/src";
const INGEST = "services/ingest/src";
const AUTH = "packages/service-kit/src/auth";
const CLIENT = "packages/client/src";

const ofKeeper: readonly Mutation[] = [
  mutation("watermark one too far", [
    `${KEEPER}/checkpoint-writer.ts`,
    "this.#uncoveredFrom() - 1)",
    "this.#uncoveredFrom())",
  ]),
  mutation("watermark written beside the checkpoint", [
    `${KEEPER}/checkpoint-writer.ts`,
    "await scope.append(TOPICS.index, { key: keyBytes(WATERMARK_KEY), value });",
    "await this.#parts.log.append(TOPICS.index, ownership.partition, { key: keyBytes(WATERMARK_KEY), value });",
  ]),
  mutation("a failed checkpoint counts as made", [
    `${KEEPER}/checkpoint-writer.ts`,
    "      else session.giveBack(uncovered);\n      return uncovered !== undefined;",
    "      return false;",
  ]),
  mutation("a session let go while it is checkpointed", [
    `${KEEPER}/uncovered-sessions.ts`,
    "    this.#covering.add(session);\n",
    "",
  ]),
  mutation("shed at checkpoint time", [
    `${KEEPER}/checkpoint-writer.ts`,
    "    const entry = indexEntryOf(state, owing);",
    '    if (state.messages.size > 4) state.messages.delete([...state.messages.keys()][0] ?? "");\n' +
      "    const entry = indexEntryOf(state, owing);",
  ]),
  mutation("pages forgotten in a checkpoint", [
    `${KEEPER}/checkpoint-writer.ts`,
    "pages: uncovered?.pages ?? [], owing }",
    "pages: (uncovered?.pages ?? []).slice(1), owing }",
  ]),
  mutation("trim in front of the watermark", [
    `${KEEPER}/trimmer.ts`,
    "start, covered + 1, clock.now() - eventsKeptMs",
    "start, covered + 3, clock.now() - eventsKeptMs",
  ]),
  mutation("due before the index is read", [
    `${KEEPER}/partition-keeper.ts`,
    "    if (!this.#opened) {\n      for (const key of keys) this.#dueEarly.add(key);\n      return;\n    }\n",
    "",
  ]),
  mutation("lost deadline", [
    `${KEEPER}/derivations.ts`,
    "if (owed.length === 0) this.#parts.queue.set(session.key, dueMsOf(state));",
    "if (owed.length === 0) return;",
  ]),
  mutation("members left listed after their node's expiry", [
    `${KEEPER}/derivations.ts`,
    "const expired = over.map(",
    "const expired = over.slice(over.length).map(",
  ]),
  mutation(
    "a keeper that lost a partition goes on, and the fence lets it",
    [`${KEEPER}/kept-partitions.ts`, "      if (kept !== undefined) this.#drop(kept);\n", ""],
    [
      "test/sim/log/broker-group.ts",
      "return generation === this.generation && this.#shareOf(member).includes(partition);",
      'return generation <= this.generation && member !== "" && partition >= 0;',
    ],
    [
      "test/sim/log/sim-group.ts",
      "return current?.member === ownership.member && current.generation === ownership.generation;",
      'return current?.member !== "";',
    ],
  ),
  mutation("an ended run that was shed keeps its place", [
    `${KEEPER}/kept-session.ts`,
    "    this.signals.left.set(text, signal);\n",
    "",
  ]),
  mutation("rules raised before every node knows them", [
    `${KEEPER}/fleet-rules.ts`,
    "this.#version = listenedMs > longestMs ? rulesOfAll(leases) : 0;",
    "this.#version = Math.max(...leases.map(({ rules = 0 }) => rules), rulesOfAll([]), 0 * listenedMs * longestMs);",
  ]),
  mutation(
    "expiry by a keeper that is itself cut off",
    [
      `${KEEPER}/node-expiry.ts`,
      "return wasAwake && (leases.get(node)?.heardMs ?? 0) >= latestMs;",
      "return wasAwake || leases.get(node) !== undefined;",
    ],
    [`${KEEPER}/node-expiry.ts`, "if (!this.#parts.hold.holds(silence)) for", "if (silence.silentCount > 0) for"],
    [`${KEEPER}/node-expiry.ts`, "if (running.some(isDead)) void", "if (running.length === 0) void"],
  ),
];

const ofReplica: readonly Mutation[] = [
  mutation(
    "ring trimmed early",
    [
      `${REPLICA}/partition-replica.ts`,
      "onWatermark: (covered) => this.#opened?.ring.trim(covered),",
      "onWatermark: (covered) => this.#opened?.ring.trim(covered + 3),",
    ],
    [
      `${REPLICA}/session-loader.ts`,
      "if (ring.start <= complete + 1) return true;",
      "if (ring.start <= complete + 4) return true;",
    ],
  ),
  mutation("ring not compared with the head", [
    `${REPLICA}/session-loader.ts`,
    "if (ring.start <= complete + 1) return true;",
    "if (ring.start <= complete + 1_000) return true;",
  ]),
  mutation("opened from one past the next record", [
    `${REPLICA}/partition-replica.ts`,
    "const from = this.#index.watermark + 1;",
    "const from = this.#index.watermark + 2;",
  ]),
  mutation("offset advanced by records seen", [
    `${REPLICA}/session-index.ts`,
    "    this.#position.advance(nextOffset);",
    "    this.#position.advance(this.#position.next + entries.length + 0 * nextOffset);",
  ]),
  mutation("an attach does not wait for what was acknowledged", [
    `${REPLICA}/partition-replica.ts`,
    "    await opened.position.reached(end);\n",
    "    if (end < 0) await opened.position.reached(end);\n",
  ]),
  mutation("a read over HTTP shows what its node has, and not what another node has told already", [
    `${EDGE}/http-routes.ts`,
    "(hasBody ? rooms.use(key) : rooms.useLatest(key))",
    "rooms.use(key)",
  ]),
  mutation("a record over HTTP is written under a producer of the node's own", [
    `${EDGE}/http-routes.ts`,
    "const { producer: p = randomUUID(),",
    "const { p = randomUUID(),",
  ]),
  mutation("resume without the first record", [
    `${REPLICA}/recent-records.ts`,
    "return next === undefined || next.seq === seq + 1 ? found : undefined;",
    "return next === undefined || next.seq === seq + 1 ? found.slice(1) : undefined;",
  ]),
  mutation("verdict of another record", [
    `${REPLICA}/publications.ts`,
    "    const verdict = verdictAt(this.#present.early, offset) ?? verdictAt(this.#before.early, offset);",
    "    const verdict = verdictAt(this.#present.early, offset) ?? this.#present.early.at(-1)?.verdict;",
  ]),
];

const ofEdge: readonly Mutation[] = [
  mutation("seam off by one in attach", [
    `${EDGE}/attach-answer.ts`,
    "const records = recordsSince(held, handle, cursor.seq, level);",
    "const records = recordsSince(held, handle, cursor.seq + 1, level);",
  ]),
  mutation("what staff says is shown to all", [
    `${EDGE}/encode.ts`,
    "projectAccepted(accepted, level)",
    'projectAccepted(accepted, level === "all" ? "staff" : level)',
  ]),
  mutation("a broken connection stays a member", [
    `${EDGE}/presence.ts`,
    'clock.after(settleMs, () => this.leave(id, "LEAVE_REASON_DETACHED"))',
    "clock.after(settleMs, () => undefined)",
  ]),
  mutation(
    "not joined again after an expiry",
    [
      `${EDGE}/presence.ts`,
      "    if (epoch !== undefined || events.some(({ nodeExpired }) => nodeExpired?.node === name)) this.rejoin();",
      "    if (epoch !== undefined && name !== events.join()) this.rejoin();",
    ],
    [`${EDGE}/rooms.ts`, "room.presence.rejoin();", "return;"],
  ),
];

const ofGreetings: readonly Mutation[] = [
  mutation("a late hello to an edge is told hello_expected", [
    `${EDGE}/connection.ts`,
    'refuse("idle_timeout", `No hello came',
    'refuse("hello_expected", `No hello came',
  ]),
  mutation("a late hello to an ingest is told hello_expected", [
    `${INGEST}/agents/agent-stream.ts`,
    'new PerdureError("idle_timeout", `no hello came',
    'new PerdureError("hello_expected", `no hello came',
  ]),
  mutation("an edge that was stopped itself looks at silences before it has read what came", [
    `${EDGE}/connections.ts`,
    "if (passes) for (const connection of this.#all) connection.forgive(lateMs, nowMs);\n" +
      "      else setImmediate(() => this.#look(nowMs));",
    "this.#look(nowMs);",
  ]),
  mutation(
    "an ingest that was stopped itself ends streams for silence before it has read what came",
    [`${INGEST}/agents/silence.ts`, "clock.now() - dueMs > againMs / 2;", "clock.now() < dueMs;"],
    [`${INGEST}/agents/silence.ts`, "else setImmediate(() => isOver || onSilent());", "else onSilent();"],
  ),
  mutation("keys that cannot be had make a bad token", [
    `${AUTH}/remote-keys.ts`,
    "if (!isFetchFailure(error)) throw error;",
    "if (isFetchFailure(error)) throw error;",
  ]),
  mutation("a key newer than those at hand makes a bad token", [
    `${AUTH}/remote-keys.ts`,
    "if (coolingDown && error instanceof",
    "if (!coolingDown && error instanceof",
  ]),
  mutation("keys that cannot be had end a connection that is renewed", [
    `${AUTH}/renewed-grant.ts`,
    'error.code !== "unavailable") throw',
    "true) throw",
  ]),
];

const ofPast: readonly Mutation[] = [
  mutation("the past shows again what the view shows", [
    `${CLIENT}/history-walk.ts`,
    "({ id }: { readonly id: string }): boolean => !known(id);",
    '({ id }: { readonly id: string }): boolean => id !== "" || !known(id);',
  ]),
  mutation("the past begins a page too far back", [
    `${CLIENT}/history-walk.ts`,
    "let before = pastPages;",
    "let before = pastPages === undefined ? undefined : pastPages - 1;",
  ]),
  mutation("a page of the past is not asked for again after a reconnect", [
    `${CLIENT}/page-requests.ts`,
    "    for (const request of waiting) this.#ask(request);\n",
    "    for (const request of waiting.slice(waiting.length)) this.#ask(request);\n",
  ]),
  mutation("the past is shown to all as staff see it", [
    `${EDGE}/connection-sessions.ts`,
    "frame.before, attachment.level);",
    'frame.before, attachment.level === "all" ? "staff" : attachment.level);',
  ]),
];

const ofCore: readonly Mutation[] = [
  mutation(
    "gap accepted",
    [
      `${CORE}/ledger.ts`,
      "if (first > producer.last + 1) return { kind:",
      "if (first > producer.last + 2) return { kind:",
    ],
    [
      `${CORE}/ledger.ts`,
      "if (first === producer.last + 1) return { kind:",
      "if (first > producer.last) return { kind:",
    ],
  ),
  mutation("verdict of a duplicate lost", [
    `${CORE}/ledger.ts`,
    'return { kind: "duplicate", code: refusalAmong(producer.refused, first, last) };',
    'return { kind: "duplicate", code: undefined };',
  ]),
  mutation(
    "duplicate accepted again",
    [
      `${CORE}/ledger.ts`,
      'if (last <= producer.last) return { kind: "duplicate"',
      'if (last < producer.last) return { kind: "duplicate"',
    ],
    [`${CORE}/ledger.ts`, "if (!mergeable) return rejected", "if (!mergeable && last > producer.last) return rejected"],
  ),
  mutation(
    "producer forgotten early",
    [`${CORE}/ledger.ts`, "if (ledger.producers.size > state.limits.producers ||", "if (ledger.producers.size > 4 ||"],
    [`${CORE}/ledger.ts`, "(ledger.producers.size <= limits.producers &&", "(ledger.producers.size <= 4 &&"],
    [`${CORE}/ledger.ts`, "    ledger.floor = Math.max(ledger.floor, producer.seq);\n", ""],
  ),
  mutation(
    "fencing off by one",
    [`${CORE}/apply/runs.ts`, "drop(state, state.attempts, run.attempt);\n    add(", "add("],
    [`${CORE}/apply/runs.ts`, "drop(state, state.attempts, run.attempt);\n    // Whoever", "// Whoever"],
    [
      `${CORE}/fold.ts`,
      "run.instance === actor.instance && run.agentParticipant === participant;",
      "run.agentParticipant === participant;",
    ],
  ),
  mutation(
    "a crashed instance may go on",
    [
      `${CORE}/fold.ts`,
      'return own && isAlive(state.agents.get(run.instance)) ? undefined : "fenced";',
      'return own ? undefined : "fenced";',
    ],
    [
      `${CORE}/due.ts`,
      "    if (!isUnderWay(run) || isAlive(state.agents.get(run.instance))) continue;",
      "    if (!isUnderWay(run) || run.changed + 12 > state.seq || isAlive(state.agents.get(run.instance))) continue;",
    ],
  ),
  mutation("a request decided twice", [
    `${CORE}/judge/requests.ts`,
    '  if (request.phase === "REQUEST_PHASE_ANSWERED") return { code: "already_decided", winner: request.answeredBy };\n' +
      '  if (request.phase !== "REQUEST_PHASE_OPEN") return "request_closed";\n' +
      "  return body.action",
    "  return body.action",
  ]),
  mutation(
    "a run offered to two",
    [
      `${CORE}/judge/pool.ts`,
      'if (run?.phase !== "POOL_PHASE_QUEUED" || isStale(state, context, run.changed)) return "stale_cause";',
      'if (run === undefined || isStale(state, context, 0)) return "stale_cause";',
    ],
    [
      `${CORE}/pools.ts`,
      '    if (run.phase !== "POOL_PHASE_QUEUED") continue;',
      '    if (run.phase === "POOL_PHASE_TAKEN") continue;',
    ],
  ),
  mutation("runs of a crashed instance are not orphaned", [`${CORE}/due.ts`, "    ...orphans(state),\n", ""]),
  mutation(
    "a run begins while an operator has the floor",
    [
      `${CORE}/judge/runs.ts`,
      "return hold === undefined ? undefined : holdCodes[hold];",
      "return hold === undefined || hold in holdCodes ? undefined : holdCodes[hold];",
    ],
    [`${CORE}/pools.ts`, "const held = holdOf(state) !== undefined;", "const held = holdOf(state) === null;"],
  ),
  mutation("an update of a document is lost", [
    `${CORE}/judge/documents.ts`,
    'return known ? undefined : "document_conflict";',
    'return known || baseSeq > 0 ? undefined : "document_conflict";',
  ]),
  mutation("page number reused", [
    `${CORE}/shed.ts`,
    "  state.nextPage += pages.length;",
    "  state.nextPage += Math.max(1, pages.length - 1);",
  ]),
  mutation("a patch forgets who left", [
    `${CORE}/tombstones.ts`,
    "    state.shedSeq = Math.max(state.shedSeq, changed);\n",
    "",
  ]),
];

/** Every bug that the simulator is held against. */
export const MUTATIONS: readonly Mutation[] = [
  ...ofKeeper,
  ...ofReplica,
  ...ofEdge,
  ...ofPast,
  ...ofGreetings,
  ...ofCore,
];

/** Throws RangeError where there is none of the name. */
export function mutationNamed(name: string): Mutation {
  const found = MUTATIONS.find((each) => each.name === name);
  if (found === undefined) throw new RangeError(`there is no mutation "${name}"; see test/sim/mutations/mutations.ts`);
  return found;
}
