import type { SessionState } from "@perdure/core";
import type { Random } from "./random.ts";

/** Something that takes whatever it is given, and answers with a word or a code. What it throws is a fault. */
export interface Subject {
  take(input: Uint8Array): string;
  /** Its session, for those who write into it; undefined: it has none. */
  readonly state: SessionState | undefined;
}

/** A way in from outside. */
export interface Target {
  readonly name: string;
  create(): Subject;
  /** The inputs of one episode, for a subject of its own. */
  inputs(random: Random, subject: Subject): Iterable<Uint8Array>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
/** A value as it would be sent; empty where it is nothing. */
export const jsonText = (value: unknown): string => (value === undefined ? "" : JSON.stringify(value));
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);
