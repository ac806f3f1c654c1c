/** What the page is made of, and how it hangs together. */
import { createClient } from "@perdure/client";
import type { Receipt, Session, Status, Turn } from "@perdure/client";
import { activeRun } from "./conversation/conversation.ts";
import { deviceId, deviceName } from "./device.ts";
import { openPlainFeed } from "./plain-feed.ts";
import type { PlainFeed } from "./plain-feed.ts";
import { getLink, getState, getToken, goOffline, kill } from "./supervisor.ts";
import type { PageRole, SupervisorState } from "./supervisor.ts";
import { Announcer } from "./view/announcer.ts";
import { BreakBar, OFFLINE_MS } from "./view/break-bar.ts";
import { Composer } from "./view/composer.ts";
import { openDeviceLink } from "./view/dialogs.ts";
import { FloorView } from "./view/floor-view.ts";
import { frameOf } from "./view/frame.ts";
import type { Views } from "./view/frame.ts";
import { PlainSide } from "./view/plain-side.ts";
import { SessionSide } from "./view/session-side.ts";
import { TopBar } from "./view/top-bar.ts";
import type { ConnectionWords } from "./view/top-bar.ts";
import { Welcome } from "./view/welcome.ts";
import { TruthWatch } from "./truth/watch.ts";

const POLL_MS = 500;
// Long enough to see the loss, short enough to wait for: a killed agent's work is offered again after this.
const AGENT_GRACE_MS = 2_000;
// Nobody here but people who watch: there is no crowd to spread out.
const MAX_DELAY_MS = 2_000;
const KNOWN_AGENTS = ["analyst", "hello"];

/** Shows a session until the page goes. */
export function startApp(id: string, role: PageRole): void {
  const device = deviceId();
  const relay = `${location.host}/relay/${device}`;
  const session = openSession(id, relay, role);
  const composer = new Composer(actionsOn(session));
  const welcome = new Welcome(
    (question) => void session.send(question, { agent: composer.agent }).catch(() => undefined),
  );
  const breaks = new BreakBar({
    offline: () => goOffline(device, OFFLINE_MS),
    killAgent: () => kill("agent"),
    killServer: () => kill("server"),
    secondDevice: async () => openDeviceLink(await getLink(id)),
  });
  const views = {
    top: new TopBar(id),
    breaks,
    left: new SessionSide(new FloorView(floorOf(session), role === "operator"), composer, welcome),
    right: new PlainSide(),
    announcer: new Announcer(),
  };
  document.body.append(frameOf(views));
  // On a phone it would open the keyboard over the page.
  if (matchMedia("(pointer: fine)").matches) composer.focus();

  const truth = new TruthWatch();
  const drawSoon = oncePerFrame(() => drawCounters(views, { truth, feed, isLive: session.status.state === "live" }));
  const feed = openPlainFeed(`http://${relay}/plain?session=${id}`, drawSoon);
  showSession(session, composer, views, drawSoon);
  void pollState(id, truth, (state) => {
    breaks.showProcesses(state.agent, state.server);
    welcome.show(state.folder, state.model, state.suggestions);
    drawSoon();
  });
}

function openSession(id: string, relay: string, role: PageRole): Session {
  const client = createClient({
    url: `ws://${relay}/v1/connect`,
    getToken: () => getToken(role),
    device: deviceName(navigator.userAgent),
    maxDelayMs: MAX_DELAY_MS,
  });
  return client.session(id, { agentGraceMs: AGENT_GRACE_MS });
}

function showSession(
  session: Session,
  composer: Composer,
  { left, top, announcer }: Views,
  drawSoon: () => void,
): void {
  session.select(
    (view) => view,
    (view) => {
      left.show(view);
      top.showPresence(view);
      announcer.tell(view.runs);
      const run = activeRun(view.runs);
      const agents = [...new Set([...KNOWN_AGENTS, ...view.agents.map(({ agent }) => agent)])];
      const held = view.takeover?.phase === "claimed";
      const hasFloor = held && view.takeover.self;
      // Whoever has the floor speaks to people: the runs wait.
      composer.show({
        running: run !== undefined && !hasFloor,
        paused: run?.phase === "suspended",
        held,
        hasFloor,
        agents,
      });
      drawSoon();
    },
  );
  session.on("status", (status) => {
    const words = connectionWords(status);
    top.showConnection(words);
    announcer.say(`Connection: ${words.text}`);
  });
}

interface Compared {
  readonly truth: TruthWatch;
  readonly feed: PlainFeed;
  readonly isLive: boolean;
}

function drawCounters({ left, right }: Views, { truth, feed, isLive }: Compared): void {
  const compared = truth.compare({ session: left.shown, isLive, plain: feed.texts });
  left.tape.show(compared.session.total);
  right.tape.show(compared.plain.total);
  right.show(feed, compared.plain.byRun);
}

/** Calls at most once a frame, however often it is asked to. */
function oncePerFrame(draw: () => void): () => void {
  let scheduled = false;
  return () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      draw();
    });
  };
}

/** What the composer's buttons do, on the run that goes on. */
function actionsOn(session: Session) {
  const onRun = async (act: (turn: Turn) => Promise<Receipt>): Promise<void> => {
    const run = activeRun(session.view.runs);
    if (run === undefined) throw new Error("The answer had ended already.");
    const receipt = await act(session.turn(run.id));
    if (!receipt.applied) throw new Error(`The agent did not take it up (${receipt.code}).`);
  };
  return {
    send: async (text: string, agent: string): Promise<void> => {
      const hasFloor = session.view.takeover?.self === true;
      await session.send(text, { agent: hasFloor ? false : agent });
    },
    steer: (text: string): Promise<void> => onRun((turn) => turn.steer(text)),
    pause: (): Promise<void> => onRun((turn) => turn.pause()),
    resume: (): Promise<void> => onRun((turn) => turn.resume()),
    cancel: (): Promise<void> => onRun((turn) => turn.cancel()),
  };
}

/** What an operator may do. */
const floorOf = (session: Session) => ({
  takeOver: async (): Promise<void> => void (await session.takeOver()),
  handBack: async (): Promise<void> => (await session.takeOver()).handBack(),
});

function connectionWords({ state, code }: Status): ConnectionWords {
  switch (state) {
    case "live":
      return { tone: "good", text: "live" };
    case "lagging":
      return { tone: "wait", text: "catching up" };
    case "connecting":
      return { tone: "wait", text: "connecting" };
    case "offline":
      return { tone: "bad", text: "offline, tries again" };
    case "refused":
      return { tone: "bad", text: `refused (${code ?? "unknown"})` };
    case "closed":
      return { tone: "bad", text: "closed" };
  }
}

async function pollState(id: string, truth: TruthWatch, onState: (state: SupervisorState) => void): Promise<never> {
  for (;;) {
    try {
      const state = await getState(id, truth.next);
      truth.add(state.truth);
      onState(state);
    } catch {
      // The supervisor is away; what was known stays until it is back.
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
