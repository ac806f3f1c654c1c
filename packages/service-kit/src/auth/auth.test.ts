import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthConfig } from "../config/auth-config.ts";
import { mintToken, type TokenClaims } from "./mint-token.ts";
import { createVerifier } from "./verifier.ts";

const secret = "0123456789abcdef0123456789abcdef";
const nowMs = Date.UTC(2030, 0, 1);
const ann: TokenClaims = { participant: "ann", tenant: "acme", role: "user", sessions: ["trip-*"] };
const withSecret: AuthConfig = { keys: { kind: "secret", secret } };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: nowMs });
});
afterEach(() => {
  vi.useRealTimers();
});

const base64url = (value: string | object): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

/** A token put together by hand, for what a library refuses to make. */
function handMade(header: object, claims: object, signer: (input: string) => Buffer): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  return `${input}.${signer(input).toString("base64url")}`;
}

const hmac =
  (key: string | Buffer, hash = "sha256") =>
  (input: string) =>
    createHmac(hash, key).update(input).digest();
const goodClaims = { sub: "ann", tenant: "acme", role: "user", sessions: ["*"], exp: nowMs / 1_000 + 60 };
const signed = (claims: object) => handMade({ alg: "HS256" }, claims, hmac(secret));
const verify = (token: string | undefined, config = withSecret) => createVerifier(config).verify(token);

describe("a token", () => {
  test("grants what its claims say", async () => {
    const token = await mintToken(secret, { ...ann, name: "Ann", mayCreate: true }, 60_000);
    const grant = await verify(token);
    expect(grant).toMatchObject({
      tenant: "acme",
      participant: "ann",
      role: "ROLE_USER",
      name: "Ann",
      expiresMs: nowMs + 60_000,
      mayCreate: true,
    });
    expect(grant.allows("trip-42")).toBe(true);
    expect(grant.allows("other")).toBe(false);
    expect(grant.allows("~pool.writer")).toBe(false);
    expect(grant.allowsAgent("writer")).toBe(false);
  });

  test("grants nothing that it does not say", async () => {
    const grant = await verify(signed({ ...goodClaims, sessions: undefined }));
    expect(grant).toMatchObject({ mayCreate: false, name: "ann" });
    expect(grant.allows("trip-42")).toBe(false);
  });

  test("of an agent covers any agent's name, or those that it lists", async () => {
    const any = await verify(await mintToken(secret, { ...ann, role: "agent" }, 60_000));
    const listed = await verify(await mintToken(secret, { ...ann, role: "agent", agents: ["support-*"] }, 60_000));
    expect([any.allowsAgent("writer"), listed.allowsAgent("writer")]).toEqual([true, false]);
    expect(listed.allowsAgent("support-de")).toBe(true);
  });

  test("of an observer begins no session, whatever it says", async () => {
    const grant = await verify(await mintToken(secret, { ...ann, role: "observer", mayCreate: true }, 60_000));
    expect(grant.mayCreate).toBe(false);
  });

  test("may be 5 s past its end, or before its beginning, for clocks that differ", async () => {
    const now = nowMs / 1_000;
    await expect(verify(signed({ ...goodClaims, exp: now - 4 }))).resolves.toBeDefined();
    await expect(verify(signed({ ...goodClaims, exp: now - 5 }))).rejects.toMatchObject({ code: "token_expired" });
    await expect(verify(signed({ ...goodClaims, nbf: now + 5 }))).resolves.toBeDefined();
    await expect(verify(signed({ ...goodClaims, nbf: now + 6 }))).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test.each<[string, string | undefined]>([
    ["missing", undefined],
    ["empty", ""],
    ["rubbish", "a.b.c"],
    ["binary", "\u0000\ud83d"],
    ["two megabytes long", "x".repeat(2_000_000)],
    ["without a signature", handMade({ alg: "none" }, goodClaims, () => Buffer.alloc(0))],
    ["signed with another secret", handMade({ alg: "HS256" }, goodClaims, hmac("x".repeat(32)))],
    ["signed with another hash", handMade({ alg: "HS512" }, goodClaims, hmac(secret, "sha512"))],
    [
      "with a critical header that nobody knows",
      handMade({ alg: "HS256", crit: ["x"], x: 1 }, goodClaims, hmac(secret)),
    ],
    ["altered", signed(goodClaims).replace(/\.[^.]+\./, `.${base64url({ ...goodClaims, role: "operator" })}.`)],
    ["without an end", signed({ ...goodClaims, exp: undefined })],
    ["with an end in words", signed({ ...goodClaims, exp: "tomorrow" })],
    ["without a participant", signed({ ...goodClaims, sub: undefined })],
    ["for a participant with a slash", signed({ ...goodClaims, sub: "a/b" })],
    ["without a tenant", signed({ ...goodClaims, tenant: undefined })],
    ["for a tenant with a slash", signed({ ...goodClaims, tenant: "acme/other" })],
    ["for the system", signed({ ...goodClaims, role: "system" })],
    ["for ROLE_SYSTEM", signed({ ...goodClaims, role: "ROLE_SYSTEM" })],
    ["for a role by number", signed({ ...goodClaims, role: 6 })],
    ["for an inherited name", signed({ ...goodClaims, role: "constructor" })],
    ["with too many patterns", signed({ ...goodClaims, sessions: Array.from({ length: 65 }, () => "*") })],
    ["with a pattern too long", signed({ ...goodClaims, sessions: "x".repeat(129) })],
    ["with rights that are no boolean", signed({ ...goodClaims, create: "yes" })],
    ["whose claims are a list", signed([])],
  ])("that is %s is unauthenticated", async (_, token) => {
    await expect(verify(token)).rejects.toMatchObject({ name: "PerdureError", code: "unauthenticated" });
  });

  test("at fault is not repeated in the refusal", async () => {
    await expect(verify(signed({ ...goodClaims, sub: "s3cret/s3cret" }))).rejects.not.toThrow(/s3cret/);
  });

  test("must come from the issuer and be for the audience that are set", async () => {
    const config = { ...withSecret, issuer: "https://login.example/", audience: "perdure" };
    const right = await mintToken(secret, { ...ann, issuer: "https://login.example/", audience: "perdure" }, 60_000);
    await expect(verify(right, config)).resolves.toBeDefined();
    for (const wrong of [
      { issuer: "https://evil.example/", audience: "perdure" },
      { issuer: "https://login.example/", audience: "shop" },
    ]) {
      const token = await mintToken(secret, { ...ann, ...wrong }, 60_000);
      await expect(verify(token, config)).rejects.toMatchObject({ code: "unauthenticated" });
    }
  });

  test("is not checked with a secret that is too short", () => {
    expect(() => createVerifier({ keys: { kind: "secret", secret: "short" } })).toThrow(RangeError);
  });
});

interface IssuerKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function issuerKey(kid: string): IssuerKey {
  return { kid, ...generateKeyPairSync("ec", { namedCurve: "P-256" }) };
}

const signedBy = ({ kid, privateKey }: IssuerKey, claims: object = goodClaims): string =>
  handMade({ alg: "ES256", kid }, claims, (input) =>
    sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }),
  );

describe("a token of an identity provider", () => {
  let server: Server;
  let published: readonly IssuerKey[] = [];
  let fetches = 0;
  let status = 200;
  let config: AuthConfig = withSecret;

  beforeEach(async () => {
    fetches = 0;
    status = 200;
    server = createServer((_, response) => {
      fetches++;
      const keys = published.map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: "jwk" }),
        kid,
        alg: "ES256",
      }));
      response.writeHead(status).end(JSON.stringify({ keys }));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    config = { keys: { kind: "jwks", url: `http://127.0.0.1:${port}/jwks.json` } };
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const one = issuerKey("one");
  const two = issuerKey("two");

  test("is checked with its published key, which is fetched once", async () => {
    published = [one, two];
    const verifier = createVerifier(config);
    await expect(verifier.verify(signedBy(one))).resolves.toMatchObject({ participant: "ann" });
    await expect(verifier.verify(signedBy(two))).resolves.toMatchObject({ participant: "ann" });
    expect(fetches).toBe(1);
  });

  test("signed with a key that was rotated in is taken at once; unknown keys do not hammer the issuer", async () => {
    published = [one];
    const verifier = createVerifier(config);
    await verifier.verify(signedBy(one));
    published = [one, two];
    vi.setSystemTime(nowMs + 30_000);
    await expect(verifier.verify(signedBy(two))).resolves.toBeDefined();
    for (let index = 0; index < 5; index++) await verifier.verify(signedBy(issuerKey("fake"))).catch(() => undefined);
    expect(fetches).toBe(2);
  });

  test("signed with a key that may be newer than those just fetched is to come again; one of no key is then refused", async () => {
    published = [one];
    const verifier = createVerifier(config);
    await verifier.verify(signedBy(one));
    published = [one, two];
    const toCome = { code: "unavailable", retryAfterMs: 1_000 };
    await expect(verifier.verify(signedBy(two))).rejects.toMatchObject(toCome);
    await expect(verifier.verify(signedBy(issuerKey("fake")))).rejects.toMatchObject(toCome);
    expect(fetches).toBe(1);
    vi.setSystemTime(nowMs + 30_000);
    await expect(verifier.verify(signedBy(issuerKey("fake")))).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(verifier.verify(signedBy(two))).resolves.toBeDefined();
    expect(fetches).toBe(2);
  });

  test("signed with a key that was withdrawn is refused after the keys' refresh", async () => {
    published = [one, two];
    const verifier = createVerifier(config);
    const late = { ...goodClaims, exp: nowMs / 1_000 + 86_400 };
    await verifier.verify(signedBy(one, late));
    published = [two];
    vi.setSystemTime(nowMs + 600_000);
    await verifier.verify(signedBy(two, late));
    await vi.waitUntil(() =>
      verifier.verify(signedBy(one, late)).then(
        () => false,
        () => true,
      ),
    );
    expect(fetches).toBe(2);
  });

  test("is still checked while the issuer is away, up to a day, and the operator hears of it", async () => {
    published = [one];
    const problems: unknown[] = [];
    const heard = Promise.withResolvers<unknown>();
    const verifier = createVerifier({ ...config, onKeysProblem: (error) => heard.resolve(problems.push(error)) });
    const late = { ...goodClaims, exp: nowMs / 1_000 + 200_000 };
    await verifier.verify(signedBy(one, late));
    status = 500;
    vi.setSystemTime(nowMs + 3_600_000);
    await expect(verifier.verify(signedBy(one, late))).resolves.toBeDefined();
    await heard.promise;
    vi.setSystemTime(nowMs + 86_400_001);
    const refused = verifier.verify(signedBy(one, late));
    await expect(refused).rejects.toMatchObject({ code: "unavailable", retryAfterMs: 1_000 });
  });

  test("is waited for by many while the issuer is away, and the operator hears of it once a second", async () => {
    status = 503;
    const problems: unknown[] = [];
    const verifier = createVerifier({ ...config, onKeysProblem: (error) => problems.push(error) });
    const refused = (): Promise<unknown> => verifier.verify(signedBy(one)).catch((error: unknown) => error);
    for (let index = 0; index < 3; index++) await refused();
    expect(problems).toHaveLength(1);
    vi.setSystemTime(nowMs + 1_000);
    await refused();
    expect(problems).toHaveLength(2);
  });

  test("waits for nothing where the issuer was never reached: unavailable, then taken once it is", async () => {
    published = [one];
    status = 503;
    const verifier = createVerifier(config);
    await expect(verifier.verify(signedBy(one))).rejects.toMatchObject({ code: "unavailable" });
    status = 200;
    await expect(verifier.verify(signedBy(one))).resolves.toBeDefined();
  });

  test("signed with the public key's text as a secret is refused", async () => {
    published = [one];
    const text = one.publicKey.export({ type: "spki", format: "pem" });
    const token = handMade({ alg: "HS256", kid: "one" }, goodClaims, hmac(text));
    await expect(verify(token, config)).rejects.toMatchObject({
      code: "unauthenticated",
      cause: { code: "ERR_JOSE_ALG_NOT_ALLOWED" },
    });
  });

  test("that brings its own key along is refused", async () => {
    published = [one];
    const evil = issuerKey("one");
    const jwk = evil.publicKey.export({ format: "jwk" });
    const token = handMade({ alg: "ES256", kid: "one", jwk, jku: "http://evil.example" }, goodClaims, (input) =>
      sign("sha256", Buffer.from(input), { key: evil.privateKey, dsaEncoding: "ieee-p1363" }),
    );
    await expect(verify(token, config)).rejects.toMatchObject({ code: "unauthenticated" });
  });
});
