import { LIMITS, type Run, type SessionState } from "@perdure/core";
import { NEXT_RULE_BOOK } from "@perdure/core/testing";
import { isRolling } from "../plan/plan.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Findings } from "./findings.ts";
import type { History } from "./history.ts";

const ENDED = new Set(["RUN_PHASE_COMPLETED", "RUN_PHASE_FAILED", "RUN_PHASE_CANCELLED"]);
const HERE = new Set(["AGENT_PRESENCE_HERE", "AGENT_PRESENCE_BUSY"]);

/** What must be so once all faults are over and everybody has had the time that is theirs. */
export function checkEnding(cluster: Cluster, histories: ReadonlyMap<string, History>, findings: Findings): void {
  const all = [...histories.values()].flatMap(({ state }) => [...state.runs.values()]);
  const paused = new Set(all.filter(isPaused).map(({ id }) => id));
  for (const { sessionKey, state } of histories.values()) {
    checkRuns(sessionKey, state, paused, findings);
    checkBounds(sessionKey, state, findings);
  }
  if (isRolling(cluster.plan)) checkVersions(histories, findings);
  checkGreeted(cluster, findings);
  checkMembers(cluster, histories, findings);
  checkAgents(cluster, histories, findings);
  checkCaughtUp(cluster, histories, findings);
  for (const { name, pendingCount } of cluster.backends.values()) {
    if (pendingCount > 0) findings.add("explicit", `${name} has ${pendingCount} records without a verdict`);
  }
  for (const { name, isStuck } of cluster.people.values()) {
    if (isStuck) findings.add("resume", `${name} waits for a page of the past that does not come`);
  }
  for (const { person, text, outcome, isOpen } of cluster.recorder.sent) {
    if (outcome === undefined && isOpen())
      findings.add("explicit", `${person} was told nothing of "${text.slice(0, 12)}"`);
  }
}

/** A run that somebody has paused waits for somebody to let it go on. */
const isPaused = ({ suspended }: Run): boolean => suspended === "SUSPEND_REASON_PAUSED";

function checkRuns(key: string, state: SessionState, paused: ReadonlySet<string>, findings: Findings): void {
  const { runs, agents, pool } = state;
  for (const run of runs.values()) {
    const { id, phase, instance } = run;
    if (!ENDED.has(phase) && !isPaused(run))
      findings.add(
        "every run ends",
        `${id} of ${key} is ${phase}, with ${instance || "nobody"} (${agents.get(instance)?.presence ?? ""})`,
      );
  }
  for (const { run, phase } of pool.values())
    if (!paused.has(run.runId)) findings.add("every run ends", `${run.runId} is still in pool ${key}: ${phase}`);
}

function checkBounds(key: string, state: SessionState, findings: Findings): void {
  const sizes = [
    ["producers", state.ledger.producers.size],
    ["members", state.members.size],
    ["agents", state.agents.size],
    ["tombstones", state.tombstones.size],
    ["participants", state.participants.size],
  ] as const;
  for (const [name, size] of sizes) {
    if (size > LIMITS[name]) findings.add("bounded", `${key} has ${size} ${name}, and ${LIMITS[name]} are the most`);
  }
}

/** Once every node knows the next rules, the sessions that somebody is in follow them. */
function checkVersions(histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const { sessionKey, state } of histories.values()) {
    if (state.members.size > 0 && state.rules < NEXT_RULE_BOOK.length)
      findings.add("versioned", `${sessionKey} still follows rules ${state.rules}`);
  }
}

/** Whoever has a good token is let in in the end. */
function checkGreeted({ people, workers }: Cluster, findings: Findings): void {
  for (const person of people.values()) {
    for (const [id, why] of person.unattached())
      findings.add("greeted", `${person.name} is not attached to ${id}: ${why}`);
  }
  for (const { name, isConnected } of workers.values()) {
    if (!isConnected) findings.add("greeted", `${name} has no stream to any node`);
  }
}

/** Presence converges: the members that are listed are the connections that there are. */
function checkMembers(cluster: Cluster, histories: ReadonlyMap<string, History>, findings: Findings): void {
  const connected = new Map<string, Set<string>>();
  for (const person of cluster.people.values()) {
    for (const [key, member] of person.reader?.members() ?? []) {
      // Who has closed a session is not there, whatever its connection still follows.
      if (!person.hasOpen(key)) continue;
      connected.set(key, (connected.get(key) ?? new Set()).add(member));
    }
  }
  for (const { sessionKey, state } of histories.values()) {
    const there = connected.get(sessionKey) ?? new Set();
    for (const { member, participant, node } of state.members.values()) {
      if (!there.has(member))
        findings.add("presence", `${participant} is listed in ${sessionKey} on ${node}, and is not connected`);
    }
    for (const member of there) {
      if (!state.members.has(member))
        findings.add("presence", `a member (${member}) is connected to ${sessionKey}, and not listed`);
    }
  }
}

function checkAgents(cluster: Cluster, histories: ReadonlyMap<string, History>, findings: Findings): void {
  const living = new Set([...cluster.workers.values()].map(({ instance }) => instance));
  for (const { sessionKey, state } of histories.values()) {
    for (const { instance, presence, node } of state.agents.values()) {
      if (HERE.has(presence) && !living.has(instance))
        findings.add("presence", `${instance} is said to be in ${sessionKey} on ${node}, and is gone`);
      if (presence === "AGENT_PRESENCE_LOST") findings.add("presence", `${instance} is still lost in ${sessionKey}`);
    }
  }
}

/** Everybody who follows a session has all of it. */
function checkCaughtUp(cluster: Cluster, histories: ReadonlyMap<string, History>, findings: Findings): void {
  for (const { name, reader } of cluster.people.values()) {
    for (const [key, { seq }] of reader?.states() ?? []) {
      const end = histories.get(key)?.state.seq ?? 0;
      if (seq !== end) findings.add("resume", `${name} is at ${seq} of ${key}, which is at ${end}`);
    }
  }
}
