import { fromHead, toHead } from "@perdure/core";
import {
  decodeHead,
  decodeIndexEntry,
  decodeNodeLease,
  decodePage,
  decodeWatermark,
  encodeHead,
  encodeIndexEntry,
  encodeNodeLease,
  encodePage,
  encodeWatermark,
} from "@perdure/protocol";
import { randomStory } from "../../../packages/core/src/testing/random/session.ts";
import { codeOf } from "../judged-session.ts";
import { concat, mutateBytes } from "../mutate-bytes.ts";
import { isObject, mutateJson } from "../mutate-json.ts";
import type { Random } from "../random.ts";
import type { Target } from "../target.ts";

interface Kind {
  read(bytes: Uint8Array): void;
  write(json: object): Uint8Array;
}

/** What stands in the compacted topics. The first byte of an input says which. */
const kinds: readonly [Kind, ...Kind[]] = [
  { read: (bytes) => void toHead(fromHead(decodeHead(bytes))), write: encodeHead },
  { read: decodePage, write: encodePage },
  { read: decodeIndexEntry, write: encodeIndexEntry },
  { read: decodeWatermark, write: encodeWatermark },
  { read: decodeNodeLease, write: encodeNodeLease },
];

function read(input: Uint8Array): string {
  const kind = kinds[(input[0] ?? 0) % kinds.length] ?? kinds[0];
  try {
    kind.read(input.subarray(1));
    return "read";
  } catch (error) {
    return codeOf(error);
  }
}

export const stored: Target = {
  name: "heads, pages, index, leases",
  create: () => ({ state: undefined, take: read }),
  *inputs(random) {
    const { state, pages } = randomStory(Array.from({ length: 400 }, () => random.below(100_000)));
    const head = toHead(state);
    const samples: readonly object[][] = [[head], [...pages], [INDEX_ENTRY], [{ covered: "77" }], [LEASE]];
    for (let count = 0; count < 60; count += 1) {
      const which = random.below(kinds.length);
      const sample = random.of(samples[which] ?? []);
      const kind = kinds[which] ?? kinds[0];
      if (sample !== undefined) yield concat(Uint8Array.of(which), wrong(random, kind, sample, [head, ...pages]));
    }
  },
};

const INDEX_ENTRY = { headOffset: "3", covered: "9", epoch: "1", seq: 8, live: true, dueMs: "5000" };
const LEASE = { node: "edge-1", incarnation: 2, beat: 7, state: "NODE_LEASE_STATE_LIVE", rules: 1 };

function wrong(random: Random, kind: Kind, sample: object, donors: readonly object[]): Uint8Array {
  if (random.once(2)) {
    try {
      const mutated = mutateJson(random, sample, donors);
      if (isObject(mutated)) return kind.write(mutated);
    } catch {
      // Cannot be written.
    }
  }
  return mutateBytes(random, kind.write(sample), kind.write(sample));
}
