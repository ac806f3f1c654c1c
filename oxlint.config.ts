import { defineConfig } from "oxlint";
import { importRules } from "./tools/import-rules.ts";

export default defineConfig({
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: "error" },
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  // The second runs outside this repository, with packages that it does not have.
  ignorePatterns: ["packages/protocol/gen/**", "bench/peers/*.mjs"],
  rules: {
    "max-lines": ["error", { max: 400, skipBlankLines: false, skipComments: false }],
    "max-lines-per-function": ["error", { max: 70, skipBlankLines: false, skipComments: false }],
    eqeqeq: "error",
    "no-console": "off",
    // A chain that only waits may return nothing, and a copy is needed where a loop changes what it walks.
    "promise/always-return": "off",
    "unicorn/no-useless-spread": "off",
    "unicorn/no-new-array": "off",
    "unicorn/prefer-add-event-listener": "off",
    "unicorn/consistent-function-scoping": "off",
    "promise/no-promise-in-callback": "off",
    // The compiler does this better: it knows when a switch is exhaustive.
    "typescript/consistent-return": "off",
    "vitest/expect-expect": ["error", { assertFunctionNames: ["expect*", "assert*", "fc.assert", "check*"] }],
    "no-var": "error",
    "prefer-const": "error",
    "import/no-cycle": "error",
    "typescript/ban-ts-comment": "error",
    "typescript/consistent-type-imports": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-misused-promises": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/no-unnecessary-condition": "error",
    "typescript/no-unsafe-argument": "error",
    "typescript/no-unsafe-assignment": "error",
    "typescript/no-unsafe-call": "error",
    "typescript/no-unsafe-function-type": "error",
    "typescript/no-unsafe-member-access": "error",
    "typescript/no-unsafe-return": "error",
    "typescript/no-unsafe-type-assertion": "error",
    "typescript/only-throw-error": "error",
    "typescript/prefer-nullish-coalescing": "error",
    "typescript/prefer-optional-chain": "error",
    "typescript/prefer-promise-reject-errors": "error",
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
  },
  overrides: [
    {
      // A describe() block is one function, however many tests stand in it.
      files: ["**/*.test.ts", "test/**", "packages/log/src/contract/**"],
      rules: { "max-lines-per-function": "off" },
    },
    ...importRules,
  ],
});
