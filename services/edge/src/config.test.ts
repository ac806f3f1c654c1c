import { ConfigError, loadConfig } from "@perdure/service-kit";
import { describe, expect, test } from "vitest";
import { edgeConfigSchema } from "./config.ts";

const secret = { PERDURE_AUTH_SECRET: "x".repeat(32) };

describe("an edge's configuration", () => {
  test("needs nothing but the way to check tokens, and lets no page in until told so", () => {
    expect(loadConfig(edgeConfigSchema, secret)).toMatchObject({
      host: "127.0.0.1",
      port: 7_600,
      allowedOrigins: [],
      allowedHosts: ["localhost", "127.0.0.1", "::1"],
      log: { kind: "embedded" },
    });
  });

  test.each([
    ["PERDURE_EDGE_ORIGINS", "app.example.com"],
    ["PERDURE_EDGE_ORIGINS", "https://app.example.com/path"],
    ["PERDURE_EDGE_HOSTS", "https://edge.example.com"],
    ["PERDURE_EDGE_PORT", "70000"],
    ["PERDURE_EDGE_FRAME_BYTES", "12"],
    ["PERDURE_EDGE_FRAME_BYTES", String(2 * 1024 * 1024 + 1)],
    ["PERDURE_EDGE_COLOUR", "red"],
  ])("with a wrong %s stops the start, and names it", (variable, value) => {
    const load = (): unknown => loadConfig(edgeConfigSchema, { ...secret, [variable]: value });
    expect(load).toThrow(ConfigError);
    expect(load).toThrow(variable);
  });
});
