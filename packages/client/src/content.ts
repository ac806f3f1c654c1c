import type { EventJson, MessageRoleJson, PartSpecJson } from "@perdure/protocol";
import type { IdOf } from "./outbox-lane.ts";

/** What a person sends: text, or parts. */
export type Content = string | readonly PartInput[];

export type PartInput =
  | { readonly kind: "text"; readonly text: string }
  /** Somewhere else (`url`), or small enough to go along (`base64`, at most 64 KiB of content). */
  | {
      readonly kind: "file";
      readonly name: string;
      readonly mediaType: string;
      readonly url?: string;
      readonly base64?: string;
      readonly sizeBytes?: number;
    }
  /** An app's own data; `value` becomes JSON. */
  | { readonly kind: "data"; readonly name: string; readonly value: unknown };

/** Where a message stands in the conversation, and what else it carries. */
export interface MessagePlace {
  readonly parentId: string;
  readonly role: MessageRoleJson;
  readonly editOf?: string;
  readonly to?: readonly string[];
  /** JSON text. */
  readonly metadata?: string;
}

/** The events of a whole message, the first of which makes it: its id is `idOf(0)`. */
export function messageEvents(content: Content, place: MessagePlace, idOf: IdOf): EventJson[] {
  const messageId = idOf(0);
  const { parentId, role, editOf, to, metadata } = place;
  const parts = typeof content === "string" ? [{ kind: "text", text: content } as const] : content;
  const messageOpened = {
    parentId,
    role,
    ...(editOf !== undefined && { editOf }),
    ...(to !== undefined && { to: [...to] }),
    ...(metadata !== undefined && { metadata }),
  };
  return [
    { messageOpened },
    ...parts.map((part) => ({ partOpened: { messageId, part: specOf(part), complete: true } })),
    { messageClosed: { messageId, finish: "FINISH_REASON_STOP" } },
  ];
}

function specOf(part: PartInput): PartSpecJson {
  switch (part.kind) {
    case "text":
      return { kind: "PART_KIND_TEXT", text: part.text };
    case "data":
      return { kind: "PART_KIND_DATA", name: part.name, text: JSON.stringify(part.value) };
    case "file": {
      const { name, mediaType, url, base64, sizeBytes } = part;
      return {
        kind: "PART_KIND_FILE",
        name,
        mediaType,
        ...(url !== undefined && { url }),
        ...(base64 !== undefined && { inline: base64 }),
        ...(sizeBytes !== undefined && { sizeBytes: String(sizeBytes) }),
      };
    }
  }
}
