import { ConfigError } from "./config/load-config.ts";
import { type Clock, systemClock } from "./clock.ts";

/** What a process does between its start and its end. */
export interface Service {
  readonly name: string;
  /** Resolves once it serves. */
  start(): Promise<void>;
  /** Not ready any more: takes nobody new and lets those who are here go elsewhere. Resolves when they have gone. */
  drain(): Promise<void>;
  /** Lets go of everything: sockets, timers, files. */
  stop(): Promise<void>;
}

/** Why a process ended, as its parent sees it. */
export const EXIT_CODES = { stopped: 0, failed: 1, wrongConfig: 2, deadline: 3 } as const;

export interface ServiceLogger {
  info(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** The part of `process` that is needed here. */
export interface HostProcess {
  on(event: string, listener: (argument: unknown) => void): unknown;
  off(event: string, listener: (argument: unknown) => void): unknown;
  exit(code: number): void;
}

export interface RunOptions {
  readonly logger: ServiceLogger;
  /** How long drain and stop may take together. */
  readonly deadlineMs: number;
  readonly host?: HostProcess;
  readonly clock?: Clock;
}

const SIGNALS = ["SIGTERM", "SIGINT"];
const ACCIDENTS = ["uncaughtException", "unhandledRejection"];
/** What is not caught leaves the process in a state that nobody knows: there is no draining, only letting go. */
const ACCIDENT_DEADLINE_MS = 3_000;

/**
 * Runs a service until SIGTERM or SIGINT: then drain, stop, and exit, the latest at the deadline; a second signal exits
 * at once. An error that nobody caught is logged and ends the process. Resolves when the process is told to exit.
 */
export async function runService(service: Service, options: RunOptions): Promise<void> {
  const { logger, deadlineMs, host = process, clock = systemClock } = options;
  const ended = Promise.withResolvers<number>();
  const phase = { ending: false };

  const end = async (code: number, limitMs: number, steps: readonly (() => Promise<void>)[]): Promise<void> => {
    phase.ending = true;
    const cancel = clock.after(limitMs, () => {
      logger.error({ limitMs }, `${service.name} did not stop in time`);
      ended.resolve(code === EXIT_CODES.stopped ? EXIT_CODES.deadline : code);
    });
    try {
      for (const step of steps) await step();
      ended.resolve(code);
    } catch (error) {
      logger.error({ err: error }, `${service.name} could not stop in good order`);
      ended.resolve(EXIT_CODES.failed);
    } finally {
      cancel();
    }
  };
  const onSignal = (signal: unknown): void => {
    if (phase.ending) return ended.resolve(EXIT_CODES.failed);
    logger.info({ signal }, `${service.name} drains`);
    void end(EXIT_CODES.stopped, deadlineMs, [() => service.drain(), () => service.stop()]);
  };
  const onAccident = (error: unknown): void => {
    logger.error({ err: error }, `${service.name} met an error that nobody caught, and stops`);
    if (phase.ending) return ended.resolve(EXIT_CODES.failed);
    void end(EXIT_CODES.failed, Math.min(deadlineMs, ACCIDENT_DEADLINE_MS), [() => service.stop()]);
  };

  const begin = async (): Promise<void> => {
    try {
      await service.start();
      logger.info({}, `${service.name} serves`);
    } catch (error) {
      // Where a signal came first, stop() may well have ended the start with an error.
      if (phase.ending) return;
      logger.error({ err: error }, `${service.name} could not start`);
      const code = error instanceof ConfigError ? EXIT_CODES.wrongConfig : EXIT_CODES.failed;
      void end(code, ACCIDENT_DEADLINE_MS, [() => service.stop()]);
    }
  };

  for (const name of SIGNALS) host.on(name, onSignal);
  for (const name of ACCIDENTS) host.on(name, onAccident);
  // Not waited for: a start that a stop leaves hanging must not keep the process either.
  void begin();
  const code = await ended.promise;
  for (const name of SIGNALS) host.off(name, onSignal);
  for (const name of ACCIDENTS) host.off(name, onAccident);
  logger.info({ code }, `${service.name} ends`);
  host.exit(code);
}
