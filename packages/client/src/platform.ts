import {
  type ClientStorage,
  type KeyValueStore,
  type LockManager,
  memoryStore,
  type SocketConstructor,
} from "./environment.ts";

/** What is not there, or is denied to this page, reads as undefined: storage in some frames throws when touched. */
function globalValue(name: string): unknown {
  try {
    return Reflect.get(globalThis, name);
  } catch {
    return undefined;
  }
}

const has = <Key extends string>(value: unknown, key: Key): value is Readonly<Record<Key, unknown>> =>
  typeof value === "object" && value !== null && key in value;

const isStore = (value: unknown): value is KeyValueStore => has(value, "getItem") && has(value, "setItem");
const isLocks = (value: unknown): value is LockManager => has(value, "request");
const isFunction = (value: unknown): value is (...args: readonly unknown[]) => unknown => typeof value === "function";
const isSocketConstructor = (value: unknown): value is SocketConstructor => typeof value === "function";
const isTarget = (value: unknown): value is Pick<EventTarget, "addEventListener" | "removeEventListener"> =>
  has(value, "addEventListener");

/** The browser's storage, or none that outlives the page: Node has such stores too, but not for this. */
export function platformStorage(): ClientStorage {
  const isPage = globalValue("document") !== undefined;
  const [tab, device] = isPage ? [globalValue("sessionStorage"), globalValue("localStorage")] : [];
  return { tab: isStore(tab) ? tab : memoryStore(), device: isStore(device) ? device : memoryStore() };
}

export function platformLocks(): LockManager | undefined {
  const navigator = globalValue("navigator");
  const locks = has(navigator, "locks") ? navigator.locks : undefined;
  return isLocks(locks) ? locks : undefined;
}

/** The global WebSocket of browsers and Node. Throws where there is none. */
export function platformSocket(): SocketConstructor {
  const found = globalValue("WebSocket");
  if (!isSocketConstructor(found)) throw new TypeError("there is no global WebSocket: pass one as `webSocket`");
  return found;
}

/** With the next frame where the page is visible; soon where it is not, since hidden pages get no frames. */
export function platformSchedule(): (call: () => void) => void {
  const requestFrame = globalValue("requestAnimationFrame");
  return (call) => {
    const document = globalValue("document");
    const visible = has(document, "visibilityState") && document.visibilityState === "visible";
    if (visible && isFunction(requestFrame)) requestFrame(call);
    else globalThis.setTimeout(call, 0);
  };
}

export interface PageListener {
  /** The page may be gone after this. */
  onHide: () => void;
  /** The page, or the network, is back. */
  onWake: () => void;
}

/** Listens to the page's life, where there is a page. The returned function ends it. */
export function watchPage({ onHide, onWake }: PageListener): () => void {
  const document = globalValue("document");
  const window = globalValue("window");
  if (!isTarget(document) || !isTarget(window)) return () => undefined;
  const onVisibility = (): void => {
    if (has(document, "visibilityState") && document.visibilityState === "visible") onWake();
    else onHide();
  };
  const listeners = [
    [document, "visibilitychange", onVisibility],
    [window, "pagehide", onHide],
    [window, "online", onWake],
  ] as const;
  for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
  return () => {
    for (const [target, name, listener] of listeners) target.removeEventListener(name, listener);
  };
}

/** What people see of this device, e.g. "Firefox on Linux". */
export function platformDevice(): string {
  const navigator = globalValue("navigator");
  const agent = has(navigator, "userAgent") && typeof navigator.userAgent === "string" ? navigator.userAgent : "";
  const browser = firstMatch(agent, {
    Edg: "Edge",
    OPR: "Opera",
    Firefox: "Firefox",
    Chrome: "Chrome",
    Safari: "Safari",
  });
  const system = firstMatch(agent, {
    iPhone: "iPhone",
    iPad: "iPad",
    Android: "Android",
    Windows: "Windows",
    "Mac OS": "macOS",
    Linux: "Linux",
  });
  return [browser, system].filter((name) => name !== undefined).join(" on ");
}

const firstMatch = (agent: string, names: Readonly<Record<string, string>>): string | undefined =>
  Object.entries(names).find(([mark]) => agent.includes(mark))?.[1];
