/** The page: opened by a link with a code, or by a browser that showed one before. */
import { startApp } from "./app.ts";
import { element } from "./dom.ts";
import { newSessionPath } from "./view/top-bar.ts";
import { enter, getToken, SupervisorError } from "./supervisor.ts";

const LAST_SESSION = "perdure:last-session";

try {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code !== null) {
    // Out of the address bar before anything else: a code is nobody's bookmark.
    history.replaceState(null, "", location.pathname + location.search);
    await enter(code).catch((error: unknown) => {
      // Whoever opened the link before still has the cookie.
      if (!(error instanceof SupervisorError)) throw error;
    });
  }
  const role = new URLSearchParams(location.search).get("as") === "operator" ? "operator" : "user";
  await getToken(role);
  startApp(sessionOfPage(), role);
} catch (error) {
  document.body.append(locked(error));
}

function sessionOfPage(): string {
  const [, inPath] = /^\/s\/([A-Za-z0-9_.-]{1,128})$/.exec(location.pathname) ?? [];
  const session = inPath ?? localStorage.getItem(LAST_SESSION) ?? newSessionPath().slice(3);
  localStorage.setItem(LAST_SESSION, session);
  history.replaceState(null, "", `/s/${session}${location.search}`);
  return session;
}

function locked(error: unknown): HTMLElement {
  const isCodeMissing = error instanceof SupervisorError && error.code === "unauthenticated";
  const what = isCodeMissing
    ? "The link in the address bar was used already, or this browser never opened one."
    : "The server does not answer.";
  const next = isCodeMissing
    ? "Press Enter in the terminal where ./dev up runs for a new link, or use “Second device” on a device that is in."
    : "Start it with ./dev up, then load this page again.";
  return element(
    "main",
    { class: "locked", "data-testid": "locked" },
    element("h1", {}, "perdure"),
    element("p", {}, what),
    element("p", {}, next),
  );
}
