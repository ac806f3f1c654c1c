import type { Clock } from "./clock.ts";

export interface Patience {
  readonly clock: Clock;
  /** How long the outcome may take, in milliseconds. */
  readonly waitMs: number;
  /** Called when that time is over; what it returns is thrown. */
  onLate(): Error;
}

/** The outcome, where it comes in time. What comes later is not looked at. */
export async function inTime<Outcome>(outcome: Promise<Outcome>, patience: Patience): Promise<Outcome> {
  const late = Promise.withResolvers<never>();
  const cancel = patience.clock.after(patience.waitMs, () => late.reject(patience.onLate()));
  try {
    return await Promise.race([outcome, late.promise]);
  } finally {
    cancel();
  }
}
