/** The analyst's tools for a model: the same list, search and read that it uses without one. */
import type { Run } from "@perdure/agent";
import { tool } from "ai";
import { z } from "zod";
import { place } from "../answer/source.ts";
import { lookOver } from "../answer/overview.ts";
import { AnalystError } from "../errors.ts";
import type { Library } from "../folder/library.ts";

const RESULTS = 12;
const MAX_LINES = 120;
const OUTLINE_FILES = 400;

const path = z.string().max(1_024);

/** Tools over a folder; each call is a durable step of the run. */
export function toolsFor(run: Run, library: Library) {
  const step = <T>(label: string, callId: string, work: () => T): Promise<T> =>
    run.step(`tool:${callId}`, () => work(), { label });
  return {
    list: tool({
      description:
        "List the files below a path of the folder ('' for all of it), with what the parts say of themselves.",
      inputSchema: z.object({ path: path.default("") }),
      execute: (input, { toolCallId }) =>
        step(`List ${input.path || "the folder"}`, toolCallId, () => list(library, input.path)),
    }),
    search: tool({
      description:
        "Full-text search over the folder. Returns the best passages, each with its place (path:first-last).",
      inputSchema: z.object({ query: z.string().min(1).max(500) }),
      execute: ({ query }, { toolCallId }) =>
        step(`Search “${query.slice(0, 60)}”`, toolCallId, () =>
          library
            .search(query, { limit: RESULTS })
            .map(({ passage }) => ({ place: place(passage), text: passage.text })),
        ),
    }),
    read: tool({
      description: `Read lines of a file, at most ${MAX_LINES} at once.`,
      inputSchema: z.object({ path, first: z.number().int().min(1), last: z.number().int().min(1) }),
      execute: ({ path: file, first, last }, { toolCallId }) =>
        step(`Read ${file}`, toolCallId, () => {
          const end = Math.min(last, first + MAX_LINES - 1);
          return { place: `${file}:${first}-${end}`, text: library.read(file, first, end) };
        }),
    }),
  };
}

function list(library: Library, below: string): object {
  const { fileCount, lineCount, parts } = lookOver(library, below.replace(/^\.?\/?|\/$/g, ""));
  if (fileCount === 0)
    throw new AnalystError("file_not_found", `there is nothing at '${below}': list '' to see what there is`);
  return {
    fileCount,
    lineCount,
    parts: parts.slice(0, OUTLINE_FILES).map((part) => ({ path: part.path, says: part.says?.text ?? "" })),
  };
}
