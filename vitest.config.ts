import { defineConfig } from "vitest/config";
import { LongestFirst } from "./tools/longest-first.ts";

const systemTests = "**/*.{kafka,browser,system}.test.ts";

export default defineConfig({
  test: {
    // Two cores are what the tests must get by with; more workers only make timeouts.
    maxWorkers: 2,
    teardownTimeout: 40_000,
    sequence: { sequencer: LongestFirst },
    setupFiles: ["test/support/checked-socket.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["**/*.test.ts"],
          exclude: ["**/node_modules/**", systemTests],
          // No test asserts speed: on a machine that does much else besides, some take their time.
          testTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
        },
      },
      {
        // Real brokers, browsers and processes, after the unit tests.
        extends: true,
        test: {
          name: "system",
          include: [systemTests],
          exclude: ["**/node_modules/**"],
          globalSetup: "test/support/broker-setup.ts",
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
