/**
 * What the client takes from the world around it. All of it can be passed in, so that a test owns time, chance, network
 * and storage, and so that the same code runs in a page, a worker and Node.
 */

/** Time as the client asks for it. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Calls once after the delay; the returned function takes it back. */
  after(delayMs: number, call: () => void): () => void;
}

/**
 * The part of a WebSocket that the client uses; the global one of browsers and Node fits. What its handlers are called
 * with differs from one to the other: only that which the client's own take counts (`data`; `code` and `reason`).
 */
export interface Socket {
  onopen: ((event: never) => unknown) | null;
  onmessage: ((event: never) => unknown) | null;
  onclose: ((event: never) => unknown) | null;
  onerror: ((event: never) => unknown) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string) => Socket;

/** Text by key. `sessionStorage` and `localStorage` fit; a write may throw when there is no room. */
export interface KeyValueStore {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
  key(index: number): string | null;
  readonly length: number;
}

/** Where things outlive the page: `tab` over a reload of this tab, `device` until they are removed. */
export interface ClientStorage {
  readonly tab: KeyValueStore;
  readonly device: KeyValueStore;
}

/** Web Locks, as far as they are used; absent in older browsers and in Node. */
export interface LockManager {
  request(name: string, options: { ifAvailable: boolean }, held: (lock: unknown) => Promise<void>): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, call) {
    const timer = globalThis.setTimeout(call, delayMs);
    return () => globalThis.clearTimeout(timer);
  },
};

/** A store that lives as long as the page: what is used where the environment has none, or denies it. */
export function memoryStore(): KeyValueStore {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    key: (index) => [...items.keys()][index] ?? null,
    get length() {
      return items.size;
    },
  };
}
