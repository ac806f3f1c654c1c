import { readFileSync } from "node:fs";
import { PROTOCOL_VERSION } from "@perdure/protocol";
import { describe, expect, test } from "vitest";
import { readTranscripts } from "./transcript.ts";

/** Kinds of server frames that move a client's cursor. Within a version none is added: clients skip what they do not know. */
const CARRY_SEQS: Readonly<Record<number, readonly string[]>> = { 1: ["a", "attached", "e", "s", "update"] };
/** They say what number a record got that comes in one of those as well. */
const REPEAT_SEQS: readonly string[] = ["ack"];

interface Shape {
  readonly oneOf?: readonly { readonly $ref: string }[];
  readonly properties?: Readonly<Record<string, { readonly const?: string }>>;
  readonly prefixItems?: readonly { readonly const?: string }[];
}

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

const isDocument = (value: unknown): value is { readonly $defs: Readonly<Record<string, Shape>> } =>
  typeof value === "object" && value !== null && "$defs" in value;

/** What one side sends, by kind; of an array it is not known what its numbers are, so each of them counts. */
function framesOf(side: "ClientFrame" | "ServerFrame"): readonly { readonly kind: string; readonly hasSeq: boolean }[] {
  const document: unknown = JSON.parse(read("protocol.schema.json"));
  if (!isDocument(document)) throw new Error("docs/protocol.schema.json is no schema");
  return (document.$defs[side]?.oneOf ?? []).map(({ $ref }) => {
    const { properties, prefixItems } = document.$defs[$ref.split("/").at(-1) ?? ""] ?? {};
    const kind = properties?.["t"]?.const ?? prefixItems?.[0]?.const ?? "";
    return { kind, hasSeq: prefixItems !== undefined || Object.keys(properties ?? {}).some(isSeq) };
  });
}

const isSeq = (field: string): boolean => field === "s" || /seq$/i.test(field);

describe("SPEC 10: a client that skips kinds of frames that it does not know misses no seq", () => {
  test("since the kinds that have one are those of the protocol's version, and no others", () => {
    const carriers = framesOf("ServerFrame").filter(({ kind, hasSeq }) => hasSeq && !REPEAT_SEQS.includes(kind));
    expect(carriers.map(({ kind }) => kind).toSorted()).toEqual(CARRY_SEQS[PROTOCOL_VERSION]);
  });

  test("and the page says so", () => {
    const [, words = ""] = /these come in (.*?) only/.exec(read("protocol.md")) ?? [];
    expect([...words.matchAll(/`(\w+)`/g)].map(([, kind = ""]) => kind).toSorted()).toEqual(
      CARRY_SEQS[PROTOCOL_VERSION],
    );
  });
});

/** Of what the transcripts send, or expect. */
function kindsPlayed(does: "send" | "expect"): Set<unknown> {
  const steps = readTranscripts().flatMap((transcript) => transcript.steps);
  return new Set(steps.flatMap((step) => (step.kind === does ? [kindOf(step.frame)] : [])));
}

function kindOf(frame: unknown): unknown {
  if (Array.isArray(frame)) return frame[0];
  return typeof frame === "object" && frame !== null && "t" in frame ? frame.t : undefined;
}

test.each([
  ["ClientFrame", "send"],
  ["ServerFrame", "expect"],
] as const)("each kind of %s of the schema is played in an exchange of the page", (side, does) => {
  const played = kindsPlayed(does);
  expect(framesOf(side).filter(({ kind }) => !played.has(kind))).toEqual([]);
});
