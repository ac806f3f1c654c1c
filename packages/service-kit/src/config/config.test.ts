import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { authConfig, authVariables } from "./auth-config.ts";
import { ConfigError, loadConfig } from "./load-config.ts";
import { logConfig, logVariables } from "./log-config.ts";
import { nodeConfig, nodeVariables } from "./node-config.ts";
import { bool, durationMs, list, port } from "./variables.ts";

const secret = "0123456789abcdef0123456789abcdef";
const schema = z
  .object({
    ...nodeVariables,
    ...logVariables,
    ...authVariables,
    PERDURE_PORT: port().default(8080),
    PERDURE_HELLO_MS: durationMs(100, 60_000).default(5_000),
    PERDURE_STORE: bool().default(false),
    PERDURE_ORIGINS: list(/^https?:\/\/\S+$/, "origins").optional(),
  })
  .transform((values, problems) => ({
    ...nodeConfig(values, { kind: "edge", statusPort: 9100 }),
    log: logConfig(values, problems),
    auth: authConfig(values, problems),
    port: values.PERDURE_PORT,
    helloMs: values.PERDURE_HELLO_MS,
    store: values.PERDURE_STORE,
    origins: values.PERDURE_ORIGINS,
  }));

const load = (env: NodeJS.ProcessEnv) => loadConfig(schema, { PERDURE_AUTH_SECRET: secret, ...env });

function problemsOf(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "perdure-config-"));
  writeFileSync(join(dir, "ca.pem"), "CA");
  writeFileSync(join(dir, "secret"), `${secret}\n`);
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("configuration", () => {
  test("has defaults that run on the embedded log", () => {
    const config = load({});
    expect(config).toMatchObject({
      logLevel: "info",
      status: { host: "127.0.0.1", port: 9100 },
      drainMs: 25_000,
      leaseMs: 6_000,
      beatMs: 2_000,
      log: { kind: "embedded", dir: ".perdure/log", partitions: 8 },
      auth: { keys: { kind: "secret", secret } },
      port: 8080,
      helloMs: 5_000,
      store: false,
    });
    expect(config.node).toMatch(/^edge-[A-Za-z0-9_.-]+-\d+$/);
  });

  test("is typed: numbers, booleans and lists are no text", () => {
    const env = { PERDURE_PORT: "0", PERDURE_STORE: "true", PERDURE_ORIGINS: "https://a.example, https://b.example" };
    expect(load(env)).toMatchObject({ port: 0, store: true, origins: ["https://a.example", "https://b.example"] });
  });

  test("takes an empty value for none, as compose files write it", () => {
    expect(load({ PERDURE_PORT: "", PERDURE_NODE: "" }).port).toBe(8080);
  });

  test("leaves other programs' variables alone", () => {
    expect(problemsOf({ PATH: "/bin", NODE_ENV: "production" })).toEqual([]);
  });

  test("stops at an unknown PERDURE_ variable, by its name", () => {
    expect(problemsOf({ PERDURE_PROT: "8080" })).toEqual(["PERDURE_PROT: there is no such variable"]);
  });

  test.each([
    ["PERDURE_PORT", "65536"],
    ["PERDURE_PORT", "8e3"],
    ["PERDURE_PORT", " 80"],
    ["PERDURE_PORT", "-1"],
    ["PERDURE_HELLO_MS", "99"],
    ["PERDURE_STORE", "yes"],
    ["PERDURE_ORIGINS", "https://a.example,,"],
    ["PERDURE_LOG_LEVEL", "loud"],
    ["PERDURE_NODE", "edge:1"],
    ["PERDURE_LOG", "redis"],
    ["PERDURE_PARTITIONS", "0"],
    ["PERDURE_AUTH_JWKS_URL", "ftp://keys.example"],
  ])("stops at a wrong value: %s=%s", (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toContainEqual(expect.stringMatching(new RegExp(`^${name}: (must|set it)`)));
  });

  test("tells every problem at once, and no value", () => {
    const env = { PERDURE_PORT: "x", PERDURE_STORE: "maybe", PERDURE_AUTH_SECRET: "hunter2", PERDURE_X: "y" };
    const problems = problemsOf(env);
    expect(problems.map((line) => line.split(":")[0])).toEqual(["PERDURE_X", "PERDURE_PORT", "PERDURE_STORE"]);
    expect(problemsOf({ PERDURE_AUTH_SECRET: "hunter2" })).toEqual([
      "PERDURE_AUTH_SECRET: must have at least 32 bytes",
    ]);
    expect(() => load(env)).toThrow(/PERDURE_PORT: must be a whole number from 0 to 65535\n/);
  });
});

describe("the log's configuration", () => {
  const kafka = { PERDURE_LOG: "kafka", PERDURE_KAFKA_BROKERS: "k1:9092,[::1]:9093" };

  test("names the brokers, with 64 partitions and three copies of which two are in sync", () => {
    expect(load(kafka).log).toEqual({
      kind: "kafka",
      brokers: ["k1:9092", "[::1]:9093"],
      topicPrefix: "perdure.",
      partitions: 64,
      replication: { factor: 3, minInSync: 2 },
    });
  });

  test("carries TLS and SASL", () => {
    const env = {
      ...kafka,
      PERDURE_KAFKA_TLS_CA_FILE: join(dir, "ca.pem"),
      PERDURE_KAFKA_SASL: "scram-sha-512",
      PERDURE_KAFKA_USERNAME: "perdure",
      PERDURE_KAFKA_PASSWORD_FILE: join(dir, "secret"),
    };
    expect(load(env).log).toMatchObject({
      tls: { ca: "CA" },
      sasl: { mechanism: "SCRAM-SHA-512", username: "perdure", password: secret },
    });
    expect(load({ ...kafka, PERDURE_KAFKA_TLS: "true" }).log).toHaveProperty("tls", {});
    expect(load({ ...kafka, PERDURE_KAFKA_TLS: "false" }).log).not.toHaveProperty("tls");
  });

  test.each<[string, NodeJS.ProcessEnv]>([
    ["PERDURE_KAFKA_BROKERS: is needed", { PERDURE_LOG: "kafka" }],
    ["PERDURE_KAFKA_BROKERS: must be a list", { ...kafka, PERDURE_KAFKA_BROKERS: "k1" }],
    ["PERDURE_KAFKA_MIN_INSYNC: must not be more", { ...kafka, PERDURE_KAFKA_REPLICATION: "1" }],
    ["PERDURE_KAFKA_TLS_CA_FILE: ENOENT", { ...kafka, PERDURE_KAFKA_TLS_CA_FILE: "/none/ca.pem" }],
    [
      "PERDURE_KAFKA_TLS_CA_FILE: is set, but",
      { ...kafka, PERDURE_KAFKA_TLS: "false", PERDURE_KAFKA_TLS_CA_FILE: "/ca" },
    ],
    ["PERDURE_KAFKA_SASL: is needed", { ...kafka, PERDURE_KAFKA_USERNAME: "u" }],
    ["PERDURE_KAFKA_USERNAME: is needed", { ...kafka, PERDURE_KAFKA_SASL: "plain" }],
    ["PERDURE_KAFKA_PASSWORD: is needed", { ...kafka, PERDURE_KAFKA_SASL: "plain" }],
  ])("stops with %s", (problem, env) => {
    expect(problemsOf(env)).toContainEqual(expect.stringContaining(problem));
  });
});

describe("the configuration of tokens", () => {
  test("takes a secret from a file, without the newline at its end", () => {
    const env = { PERDURE_AUTH_SECRET: "", PERDURE_AUTH_SECRET_FILE: join(dir, "secret") };
    expect(load(env).auth.keys).toEqual({ kind: "secret", secret });
  });

  test("takes a JWKS URL with issuer and audience", () => {
    const url = "https://login.example/.well-known/jwks.json";
    const env = {
      PERDURE_AUTH_SECRET: "",
      PERDURE_AUTH_JWKS_URL: url,
      PERDURE_AUTH_ISSUER: "https://login.example/",
      PERDURE_AUTH_AUDIENCE: "perdure",
    };
    expect(load(env).auth).toEqual({
      keys: { kind: "jwks", url },
      issuer: "https://login.example/",
      audience: "perdure",
    });
  });

  test.each<[string, NodeJS.ProcessEnv]>([
    ["PERDURE_AUTH_SECRET: is needed", { PERDURE_AUTH_SECRET: "" }],
    ["PERDURE_AUTH_SECRET: set it or PERDURE_AUTH_SECRET_FILE, not both", { PERDURE_AUTH_SECRET_FILE: "/etc/secret" }],
    ["PERDURE_AUTH_JWKS_URL: set it or PERDURE_AUTH_SECRET, not both", { PERDURE_AUTH_JWKS_URL: "https://k.example" }],
  ])("stops with %s", (problem, env) => {
    expect(problemsOf(env)).toContainEqual(expect.stringContaining(problem));
  });
});
