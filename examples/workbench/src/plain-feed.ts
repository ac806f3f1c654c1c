/** The other side: a plain event stream, read as a typical page reads one. What comes is appended; nothing is asked for again. */

export interface PlainFeed {
  /** What this page has heard of each run, in the order of their beginnings. */
  readonly texts: ReadonlyMap<string, string>;
  readonly state: "connecting" | "open" | "closed";
  close(): void;
}

/** Listens from now on; the browser connects again by itself, and what was said meanwhile is gone. */
export function openPlainFeed(url: string, onChange: () => void): PlainFeed {
  const texts = new Map<string, string>();
  let source = new EventSource(url);
  let retry: ReturnType<typeof setTimeout> | undefined;
  const listen = (): void => {
    source.addEventListener("open", onChange);
    for (const kind of ["begin", "text"]) source.addEventListener(kind, (event) => append(parse(event.data)));
    source.addEventListener("error", () => {
      onChange();
      // A connection that was refused is given up by some browsers; a typical page tries again.
      if (source.readyState !== EventSource.CLOSED) return;
      clearTimeout(retry);
      retry = setTimeout(() => {
        source = new EventSource(url);
        listen();
      }, 1_000);
    });
  };
  const append = ({ run, text }: { run: string; text: string }): void => {
    texts.set(run, (texts.get(run) ?? "") + text);
    onChange();
  };
  listen();
  return {
    texts,
    get state() {
      if (source.readyState === EventSource.OPEN) return "open";
      return source.readyState === EventSource.CONNECTING ? "connecting" : "closed";
    },
    close: () => {
      clearTimeout(retry);
      source.close();
    },
  };
}

function parse(data: unknown): { run: string; text: string } {
  const value: unknown = JSON.parse(String(data));
  if (typeof value !== "object" || value === null || !("run" in value)) return { run: "", text: "" };
  return { run: String(value.run), text: "text" in value ? String(value.text) : "" };
}
