// docs/protocol.schema.json as functions that say what is wrong with a frame.
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";

const SCHEMA = new URL("../../docs/protocol.schema.json", import.meta.url);

/** What is wrong with a frame's text by the schema, for people; undefined: nothing. */
export type FrameJudge = (frame: string) => string | undefined;
export type FrameJudges = Readonly<Record<"client" | "server", FrameJudge>>;

interface Definition {
  readonly oneOf: readonly { readonly $ref: string }[];
  readonly properties?: { readonly t?: { readonly const: string } };
  readonly prefixItems?: readonly { readonly const?: string }[];
}
interface Document {
  readonly $id: string;
  readonly $defs: Readonly<Record<string, Definition>>;
}

let judges: FrameJudges | undefined;

/** Judges of what clients and servers send. Made when first asked for: most tests need none. */
export function frameJudges(): FrameJudges {
  if (judges !== undefined) return judges;
  const document: unknown = JSON.parse(readFileSync(SCHEMA, "utf8"));
  if (!isDocument(document)) throw new Error("docs/protocol.schema.json is no schema");
  const ajv = new Ajv2020({ strict: true, strictTuples: false }).addSchema(document);
  judges = { client: judge(ajv, document, "ClientFrame"), server: judge(ajv, document, "ServerFrame") };
  return judges;
}

const isDocument = (value: unknown): value is Document =>
  typeof value === "object" && value !== null && "$id" in value && "$defs" in value;

function judge(ajv: Ajv2020, { $id, $defs }: Document, name: string): FrameJudge {
  const validators = new Map<unknown, ValidateFunction>();
  for (const { $ref } of $defs[name]?.oneOf ?? []) {
    const definition = $defs[$ref.split("/").at(-1) ?? ""];
    const kind = definition?.properties?.t?.const ?? definition?.prefixItems?.[0]?.const;
    validators.set(kind, ajv.compile({ $ref: `${$id}${$ref}` }));
  }
  return (frame) => {
    const value = parsed(frame);
    const kind: unknown = Array.isArray(value) ? value[0] : isObject(value) ? value["t"] : undefined;
    const validate = validators.get(kind);
    if (validate === undefined) return "no frame of a kind in the schema";
    return validate(value) ? undefined : ajv.errorsText(validate.errors, { dataVar: "frame" });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
