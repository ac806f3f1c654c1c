import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { ConfigError } from "./config/load-config.ts";
import { EXIT_CODES, type HostProcess, runService, type Service } from "./run-service.ts";

class Host extends EventEmitter implements HostProcess {
  readonly exited = Promise.withResolvers<number>();

  exit(code: number): void {
    this.exited.resolve(code);
  }
}

/** A clock that stands until it is moved; one timer is all that is asked of it. */
function handClock() {
  const timers = new Map<() => void, number>();
  return {
    now: () => 0,
    after: (delayMs: number, call: () => void) => {
      timers.set(call, delayMs);
      return () => timers.delete(call);
    },
    timers,
    pass: () => [...timers.keys()].forEach((call) => call()),
  };
}

const never = () => new Promise<void>(() => undefined);

function run(parts: Partial<Service> = {}) {
  const host = new Host();
  const clock = handClock();
  const steps: string[] = [];
  const messages: string[] = [];
  const note = (name: "start" | "drain" | "stop") => async () => {
    steps.push(name);
    await parts[name]?.();
  };
  const log = (_: object, message: string) => messages.push(message);
  const service = { name: "edge", start: note("start"), drain: note("drain"), stop: note("stop") };
  const done = runService(service, { logger: { info: log, error: log }, deadlineMs: 25_000, host, clock });
  return { host, clock, steps, messages, done };
}

type Run = ReturnType<typeof run>;

/** Lets what is under way settle: every step above is a few microtasks. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("a service", () => {
  test.each(["SIGTERM", "SIGINT"])("drains before it stops on %s, and ends with 0", async (signal) => {
    const { host, steps, done, clock } = run();
    await settled();
    host.emit(signal, signal);
    await done;
    expect(steps).toEqual(["start", "drain", "stop"]);
    expect(await host.exited.promise).toBe(EXIT_CODES.stopped);
    expect(clock.timers.size).toBe(0);
    expect(host.eventNames()).toEqual([]);
  });

  test("that does not drain in time is ended at the deadline", async () => {
    const { host, clock, done, messages } = run({ drain: never });
    await settled();
    host.emit("SIGTERM", "SIGTERM");
    expect([...clock.timers.values()]).toEqual([25_000]);
    clock.pass();
    await done;
    expect(await host.exited.promise).toBe(EXIT_CODES.deadline);
    expect(messages).toContain("edge did not stop in time");
  });

  test("ends at once at a second signal", async () => {
    const { host, done } = run({ drain: never });
    await settled();
    host.emit("SIGINT", "SIGINT");
    host.emit("SIGINT", "SIGINT");
    await done;
    expect(await host.exited.promise).toBe(EXIT_CODES.failed);
  });

  test.each(["uncaughtException", "unhandledRejection"])(
    "stops without draining at an %s, and says so",
    async (event) => {
      const { host, steps, done, messages } = run();
      await settled();
      host.emit(event, new Error("boom"));
      await done;
      expect(steps).toEqual(["start", "stop"]);
      expect(await host.exited.promise).toBe(EXIT_CODES.failed);
      expect(messages).toContain("edge met an error that nobody caught, and stops");
    },
  );

  test("ends at once where something breaks while it drains", async () => {
    const { host, done } = run({ drain: never });
    await settled();
    host.emit("SIGTERM", "SIGTERM");
    host.emit("uncaughtException", new Error("boom"));
    await done;
    expect(await host.exited.promise).toBe(EXIT_CODES.failed);
  });

  test.each([
    ["the configuration", new ConfigError(["PERDURE_PORT: must be a number"]), EXIT_CODES.wrongConfig],
    ["anything else", new Error("EADDRINUSE"), EXIT_CODES.failed],
  ])("that cannot start for %s lets go of what it has and tells by its exit code", async (_, error, code) => {
    const { host, steps, done, messages } = run({ start: () => Promise.reject(error) });
    await done;
    expect(steps).toEqual(["start", "stop"]);
    expect(await host.exited.promise).toBe(code);
    expect(messages).toContain("edge could not start");
  });

  test("that is stopped while it starts ends in good order, though the start then fails", async () => {
    const start = Promise.withResolvers<void>();
    const stop = () => {
      start.reject(new Error("closed"));
      return Promise.resolve();
    };
    const { host, done, messages } = run({ start: () => start.promise, stop });
    host.emit("SIGTERM", "SIGTERM");
    await done;
    expect(await host.exited.promise).toBe(EXIT_CODES.stopped);
    expect(messages).not.toContain("edge could not start");
  });

  test.each([
    ["once it has stopped", {}, () => undefined, EXIT_CODES.stopped],
    ["at the deadline", { stop: never }, ({ clock }: Run) => clock.pass(), EXIT_CODES.deadline],
    ["at a second signal", { stop: never }, ({ host }: Run) => host.emit("SIGTERM", "SIGTERM"), EXIT_CODES.failed],
  ])("that is stopped while it starts ends %s, though the start hangs for ever", async (_, parts, then, code) => {
    const running = run({ ...parts, start: never });
    running.host.emit("SIGTERM", "SIGTERM");
    await settled();
    then(running);
    await running.done;
    expect(await running.host.exited.promise).toBe(code);
  });

  test("whose stop fails says so", async () => {
    const { host, done, messages } = run({ stop: () => Promise.reject(new Error("stuck")) });
    await settled();
    host.emit("SIGTERM", "SIGTERM");
    await done;
    expect(await host.exited.promise).toBe(EXIT_CODES.failed);
    expect(messages).toContain("edge could not stop in good order");
  });
});
