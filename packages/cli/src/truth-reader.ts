/** What the agent wrote down of what it produced, read as its file grows. */
import { createReadStream } from "node:fs";
import { stat, unlink } from "node:fs/promises";

/** One line of the file, as the analyst writes it. What else it holds is handed on as it is. */
export interface TruthLine {
  readonly is: string;
  readonly session: string;
  readonly run: string;
  readonly text?: string;
}

export interface TruthReader {
  /** Lines of a session from number `from` on, and the number to go on from. */
  since(session: string, from: number): Promise<{ readonly lines: readonly TruthLine[]; readonly next: number }>;
}

// A file larger than this is begun anew at start: it holds what can be compared, not what must be kept.
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_LINES_AT_ONCE = 5_000;

/** Opens the file, which need not exist yet. */
export async function openTruthReader(path: string): Promise<TruthReader> {
  const info = await stat(path).catch(() => undefined);
  if (info !== undefined && info.size > MAX_FILE_BYTES) await unlink(path);
  const sessions = new Map<string, TruthLine[]>();
  let position = 0;
  const readOn = async (): Promise<void> => {
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size <= position) return;
    const chunks: Buffer[] = [];
    const stream: AsyncIterable<Buffer> = createReadStream(path, { start: position, end: size - 1 });
    for await (const chunk of stream) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const whole = bytes.lastIndexOf("\n") + 1;
    position += whole;
    for (const line of bytes.toString("utf8", 0, whole).split("\n").flatMap(parseLine)) {
      const known = sessions.get(line.session) ?? [];
      if (known.push(line) === 1) sessions.set(line.session, known);
    }
  };
  // Two readers at once would read the same bytes twice.
  let reading = Promise.resolve();
  return {
    async since(session, from) {
      reading = reading.then(readOn, readOn);
      await reading;
      const lines = (sessions.get(session) ?? []).slice(from, from + MAX_LINES_AT_ONCE);
      return { lines, next: from + lines.length };
    },
  };
}

// A line that was cut short says nothing.
function parseLine(text: string): TruthLine[] {
  try {
    const value: unknown = JSON.parse(text);
    return isTruthLine(value) ? [value] : [];
  } catch {
    return [];
  }
}

function isTruthLine(value: unknown): value is TruthLine {
  if (typeof value !== "object" || value === null) return false;
  if (!("is" in value && "session" in value && "run" in value)) return false;
  return typeof value.is === "string" && typeof value.session === "string" && typeof value.run === "string";
}
