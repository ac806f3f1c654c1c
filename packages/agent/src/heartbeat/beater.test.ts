import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.ts";
import { Beater, type BeatListener } from "./beater.ts";
import type { BeatOptions } from "./heartbeat.ts";

interface FakeStream {
  readonly options: BeatOptions;
  readonly listener: BeatListener;
  readonly beats: [string, number][];
  dropped: boolean;
}

function setUp() {
  const clock = new ManualClock();
  const streams: FakeStream[] = [];
  let loopDelayMs = 0;
  const beater = new Beater({
    clock,
    random: () => 0.5,
    loopDelayMs: () => loopDelayMs,
    open(options, listener) {
      const stream: FakeStream = { options, listener, beats: [], dropped: false };
      streams.push(stream);
      return {
        send: (instance, delayMs) => stream.beats.push([instance, delayMs]),
        drop: () => {
          stream.dropped = true;
          listener.onClosed();
        },
      };
    },
  });
  const block = (ms: number): void => {
    loopDelayMs = ms;
  };
  return { clock, streams, beater, block };
}

const options = { url: "http://node", instance: "i-1", everyMs: 2_000, token: "t1", ca: undefined };

describe("the thread that beats", () => {
  test("beats at once and then in time, with how far the main loop is behind", () => {
    const { clock, streams, beater, block } = setUp();
    beater.beat(options);
    clock.advance(2_000);
    block(3_500);
    clock.advance(2_000);
    expect(streams.map(({ beats }) => beats)).toEqual([
      [
        ["i-1", 0],
        ["i-1", 0],
        ["i-1", 3_500],
      ],
    ]);
  });

  test("tries elsewhere soon where the node does not know the instance, or the connection breaks", () => {
    const { clock, streams, beater } = setUp();
    beater.beat(options);
    streams[0]?.listener.onAnswer(false);
    expect(streams[0]?.dropped).toBe(true);
    clock.advance(125);
    streams[1]?.listener.onAnswer(true);
    streams[1]?.listener.onClosed();
    clock.advance(125);
    expect(streams.map(({ beats }) => beats.length)).toEqual([1, 1, 1]);
  });

  test("uses a new token with the next connection, and does not hear what an old one still says", () => {
    const { clock, streams, beater } = setUp();
    beater.beat(options);
    beater.renew("t2");
    streams[0]?.listener.onClosed();
    clock.advance(125);
    streams[0]?.listener.onClosed();
    clock.advance(125);
    expect(streams.map(({ options: used }) => used.token)).toEqual(["t1", "t2"]);
  });

  test("beats for another instance, or at another node, on a connection of its own", () => {
    const { clock, streams, beater } = setUp();
    beater.beat(options);
    beater.beat({ ...options, instance: "i-2", url: "http://other" });
    clock.advance(2_000);
    expect(streams.map(({ dropped, beats }) => [dropped, beats.map(([instance]) => instance)])).toEqual([
      [true, ["i-1"]],
      [false, ["i-2", "i-2"]],
    ]);
  });
});
