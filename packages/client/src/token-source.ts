import type { Clock } from "./environment.ts";

/** A token with less life left than this is not used to connect again, in milliseconds. */
const RESERVE_MS = 5_000;

/** Keeps the app's token for as long as it lives, so that a reconnect does not ask the app's backend each time. */
export class TokenSource {
  readonly #getToken: () => string | Promise<string>;
  readonly #clock: Clock;
  #current: { readonly token: string; readonly endsMs: number } | undefined;
  #asking: Promise<string> | undefined;

  constructor(getToken: () => string | Promise<string>, clock: Clock) {
    this.#getToken = getToken;
    this.#clock = clock;
  }

  /** The token in hand, or a new one from the app. Rejects with what the app's function threw. */
  async get(): Promise<string> {
    const current = this.#current;
    if (current !== undefined && current.endsMs - RESERVE_MS > this.#clock.now()) return current.token;
    return this.renew();
  }

  /** A new one from the app; callers at the same time share it. */
  renew(): Promise<string> {
    this.#current = undefined;
    this.#asking ??= Promise.resolve()
      .then(() => this.#getToken())
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }

  /** The server took `token`, which ends after so long. */
  accepted(token: string, expiresInMs: number): void {
    this.#current = { token, endsMs: this.#clock.now() + expiresInMs };
  }

  /** The server no longer takes what is in hand. */
  forget(): void {
    this.#current = undefined;
  }
}
