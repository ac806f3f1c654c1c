/** What people say while a run goes on, those before this attempt too. */
import type { Run } from "@perdure/agent";

export interface Steering {
  /** All that was said so far, in order. */
  readonly said: readonly string[];
}

/** Hears steers from now on; what an earlier attempt had taken up already is in `said` from the start. */
export function hear(run: Run): Steering {
  const earlier = (run.session.head.controls ?? []).filter(
    ({ runId, kind, receipt }) =>
      runId === run.id && kind === "CONTROL_KIND_STEER" && receipt === "RECEIPT_LEVEL_APPLIED",
  );
  const said = earlier.map(({ text }) => text ?? "");
  run.onSteer(({ text }) => {
    said.push(text);
  });
  return { said };
}
