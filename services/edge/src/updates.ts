import type { Level } from "@perdure/core";
import { type AttachHow, encodeFrame } from "@perdure/protocol";
import { updateSince } from "./attach-answer.ts";
import type { Room } from "./room.ts";
import type { Turns } from "./turns.ts";

/** What a client lacks, ready to be sent. */
export interface EncodedUpdate {
  readonly seq: number;
  readonly how: AttachHow;
  readonly text: string;
}

type Place = Pick<Room, "held" | "handle">;

interface Made extends EncodedUpdate {
  readonly room: Place;
  readonly level: Level;
  readonly from: number;
}

/** Some hundred kilobytes each. */
const KEPT = 8;

/**
 * What clients lack that lagged. Those of one session mostly began to lag at the same time and lack the same, so that it
 * is made once for all who wait for their turn, and kept no longer.
 */
export class Updates {
  readonly #turns: Turns;
  #made: readonly Made[] = [];

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** For a client that has everything up to `from`; undefined: it lacks nothing. */
  since(room: Place, level: Level, from: number): EncodedUpdate | undefined {
    const { seq } = room.held.state;
    const made = this.#made.find(
      (other) => other.room === room && other.level === level && other.from === from && other.seq === seq,
    );
    return made ?? this.#make(room, level, from);
  }

  #make(room: Place, level: Level, from: number): EncodedUpdate | undefined {
    const update = updateSince(room.held, room.handle, from, level);
    if (update === undefined) return undefined;
    const text = encodeFrame({ t: "update", h: room.handle, ...update });
    const made: Made = { room, level, from, seq: update.seq, how: update.how, text };
    this.#made = [...this.#made, made].slice(-KEPT);
    this.#turns.add(() => this.#drop(made));
    return made;
  }

  #drop(made: Made): void {
    this.#made = this.#made.filter((other) => other !== made);
  }
}
