// What the analyst says it produced, from the file that it writes before a token goes anywhere else.

/** One run, as every screen has to show it. */
export interface Produced {
  readonly run: string;
  readonly text: string;
  /** How the latest attempt ended; undefined: it goes on. */
  readonly finish: string | undefined;
  readonly attempts: number;
  /** Parts of the answer that were begun, in order: `attempt key`. */
  readonly begun: readonly string[];
}

interface Line {
  readonly is: string;
  readonly session: string;
  readonly run: string;
  readonly attempt: number;
  readonly step?: string;
  readonly text?: string;
  readonly finish?: string;
}

/** The runs of a session. Of a step counts what its last attempt wrote, if that finished it or is the run's latest. */
export function producedIn(file: string, session: string): Produced[] {
  const lines = file.split("\n").flatMap(lineFrom);
  const runs = Map.groupBy(
    lines.filter((line) => line.session === session),
    ({ run }) => run,
  );
  return [...runs].map(([run, own]) => producedBy(run, own));
}

function producedBy(run: string, lines: readonly Line[]): Produced {
  const latest = Math.max(...lines.map(({ attempt }) => attempt));
  const steps = new Set(lines.flatMap(({ is, step }) => (is === "begin" && step !== undefined ? [step] : [])));
  const texts = [...steps].map((step) => {
    const own = lines.filter((line) => line.step === step);
    const { attempt } = own.findLast(({ is }) => is === "begin") ?? { attempt: latest };
    const counts = attempt === latest || own.some(({ is }) => is === "done");
    return counts
      ? own
          .filter((line) => line.attempt === attempt)
          .map(({ text = "" }) => text)
          .join("")
      : "";
  });
  return {
    run,
    text: texts.join(""),
    finish: lines.findLast(({ is, attempt }) => is === "end" && attempt === latest)?.finish,
    attempts: latest,
    begun: lines.filter(({ is }) => is === "begin").map(({ attempt, step }) => `${attempt} ${step}`),
  };
}

/** The last line of a file that is being written may be half there. */
function lineFrom(text: string): Line[] {
  try {
    const value: unknown = JSON.parse(text);
    return isLine(value) ? [value] : [];
  } catch {
    return [];
  }
}

const isLine = (value: unknown): value is Line =>
  typeof value === "object" &&
  value !== null &&
  "is" in value &&
  "session" in value &&
  "run" in value &&
  "attempt" in value;
