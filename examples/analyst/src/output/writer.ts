/** One output, to everybody who gets it: the truth file first, then the plain stream, then the session. */
import type { Run } from "@perdure/agent";
import type { PlainStream } from "./plain-stream.ts";
import type { Attempt, Truth } from "./truth.ts";

/** Where the text of one run goes beside the session. */
export interface RunOutput {
  /** A part of the answer begins, or begins anew. */
  begin(step: string): void;
  text(step: string, text: string): void;
  /** The part is finished; no later attempt writes it again. */
  done(step: string): void;
  end(finish: "completed" | "cancelled" | "failed"): void;
}

export interface Outputs {
  readonly truth: Truth;
  readonly plain: PlainStream;
}

export function outputOf(run: Run, { truth, plain }: Outputs): RunOutput {
  const attempt: Attempt = { session: run.session.id, run: run.id, attempt: run.attempt };
  plain.begin(attempt.session, attempt.run);
  truth.write({ is: "attempt", ...attempt });
  return {
    begin: (step) => truth.write({ is: "begin", ...attempt, step }),
    text(step, text) {
      truth.write({ is: "text", ...attempt, step, text });
      plain.text(attempt.session, attempt.run, text);
    },
    done: (step) => truth.write({ is: "done", ...attempt, step }),
    end(finish) {
      truth.write({ is: "end", ...attempt, finish });
      plain.end(attempt.session, attempt.run);
    },
  };
}
