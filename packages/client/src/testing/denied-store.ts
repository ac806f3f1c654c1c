import type { KeyValueStore } from "../environment.ts";

const denied = (): never => {
  throw new Error("SecurityError");
};

/** A storage that throws at everything, as a browser's does where it is switched off. */
export const deniedStore: KeyValueStore = {
  getItem: denied,
  setItem: denied,
  removeItem: denied,
  key: denied,
  get length() {
    return denied();
  },
};
