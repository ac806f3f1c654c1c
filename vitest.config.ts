import { defineConfig } from "vitest/config";

const systemTests = "**/*.{kafka,browser,system}.test.ts";

export default defineConfig({
  test: {
    // Two cores are what the tests must get by with; more workers only make timeouts.
    maxWorkers: 2,
    teardownTimeout: 40_000,
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
        },
      },
      {
        // Real brokers, browsers and processes, one file at a time, after the unit tests.
        extends: true,
        test: {
          name: "system",
          include: [systemTests],
          exclude: ["**/node_modules/**"],
          globalSetup: "test/support/broker-setup.ts",
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
