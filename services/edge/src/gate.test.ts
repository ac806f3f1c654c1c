import { describe, expect, test } from "vitest";
import { isAllowedHost, isAllowedOrigin } from "./gate.ts";

const gate = { allowedOrigins: ["https://app.example.com"], allowedHosts: ["edge.example.com", "::1"] };

describe("origins", () => {
  test.each([
    ["https://app.example.com", true],
    ["https://app.example.com.evil.com", false],
    ["http://app.example.com", false],
    ["null", false],
    // A program, which could say anything here.
    ["", true],
  ])("%s: %s", (origin, allowed) => {
    expect(isAllowedOrigin(gate, origin)).toBe(allowed);
  });

  test("with * any", () => {
    expect(isAllowedOrigin({ ...gate, allowedOrigins: ["*"] }, "https://evil.com")).toBe(true);
  });
});

describe("hosts", () => {
  test.each([
    ["edge.example.com", true],
    ["edge.example.com:7600", true],
    ["EDGE.example.com", true],
    ["[::1]:7600", true],
    ["edge.example.com.evil.com", false],
    ["evil.com", false],
    ["", false],
  ])("%s: %s", (host, allowed) => {
    expect(isAllowedHost(gate, host)).toBe(allowed);
  });
});
