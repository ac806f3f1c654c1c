import { PerdureError } from "@perdure/core";
import { beforeEach, describe, expect, test } from "vitest";
import type { Grant } from "./grant.ts";
import { renewedGrant } from "./renewed-grant.ts";

const former: Grant = {
  tenant: "acme",
  participant: "ann",
  role: "ROLE_USER",
  name: "Ann",
  expiresMs: 60_000,
  mayCreate: true,
  allows: () => true,
  allowsAgent: () => false,
};
const later: Grant = { ...former, expiresMs: 600_000 };
const away = new PerdureError("unavailable", "the keys cannot be had", { retryAfterMs: 700 });

let answers: (Grant | Error)[];
let asked: number;
let waits: { readonly ms: number; readonly end: () => void }[];
let isWanted: boolean;

beforeEach(() => {
  answers = [];
  asked = 0;
  waits = [];
  isWanted = true;
});

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function renewed(): Promise<Grant | undefined> {
  const verify = async (): Promise<Grant> => {
    asked += 1;
    const answer = answers.shift() ?? away;
    if (answer instanceof Error) throw answer;
    return Promise.resolve(answer);
  };
  const after = (ms: number, end: () => void): (() => void) => {
    waits.push({ ms, end });
    return () => undefined;
  };
  const clock = { now: () => 0, after };
  return renewedGrant({ verifier: { verify }, clock, former, token: "new", isWanted: () => isWanted });
}

/** Lets what is waited for end, once. */
async function pass(): Promise<void> {
  await settle();
  for (const { end } of waits.splice(0)) end();
  await settle();
}

describe("the token that a connection is renewed with", () => {
  test("grants what it says", async () => {
    answers = [later];
    expect(await renewed()).toBe(later);
    expect(waits).toEqual([]);
  });

  test("is judged once the issuer's keys can be had, as often as that takes", async () => {
    const judged = renewed();
    await settle();
    expect(waits.map(({ ms }) => ms)).toEqual([700]);
    await pass();
    await pass();
    answers = [later];
    await pass();
    expect(await judged).toBe(later);
    expect(asked).toBe(4);
  });

  test.each(["unauthenticated", "token_expired"] as const)(
    "is refused where it is %s, also after a wait",
    async (code) => {
      const bad = new PerdureError(code, "bad");
      answers = [bad];
      await expect(renewed()).rejects.toBe(bad);
      answers = [away, bad];
      const judged = renewed().catch((error: unknown) => error);
      await pass();
      expect(await judged).toBe(bad);
    },
  );

  test.each([{ tenant: "other" }, { participant: "ben" }, { role: "ROLE_OPERATOR" } as const])(
    "is refused where it is another holder's: %o",
    async (other) => {
      answers = [{ ...later, ...other }];
      await expect(renewed()).rejects.toMatchObject({ code: "unauthenticated" });
    },
  );

  test("is asked about no more once it is not wanted, and nothing comes of it", async () => {
    const waiting = renewed();
    await settle();
    isWanted = false;
    await pass();
    expect(await waiting).toBeUndefined();
    expect(asked).toBe(1);
    isWanted = true;
    answers = [later];
    const asking = renewed();
    isWanted = false;
    expect(await asking).toBeUndefined();
    isWanted = true;
    answers = [new PerdureError("unauthenticated", "bad")];
    const failing = renewed();
    isWanted = false;
    expect(await failing).toBeUndefined();
  });
});
