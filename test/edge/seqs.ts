import type { ServerFrame } from "@perdure/protocol/frames";

const seqOf = (frame: ServerFrame): [first: number, count: number] | undefined => {
  if (!("t" in frame)) return frame[0] === "a" ? [frame[2], 1] : [frame[2], frame[3]];
  return frame.t === "e" ? [frame.s, frame.ev.length] : undefined;
};

/** The seqs that frames carry, in order; a gap or an overlap shows. */
export const seqsOf = (frames: readonly ServerFrame[]): number[] =>
  frames.flatMap((frame) => {
    const [first, count] = seqOf(frame) ?? [0, 0];
    return Array.from({ length: count }, (_, index) => first + index);
  });
