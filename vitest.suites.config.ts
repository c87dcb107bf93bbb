import { defineConfig } from "vitest/config";

/** The slower suites, one file each, run by their own npm script. */
export default defineConfig({
  test: {
    include: ["test/suites/**/*.test.ts"],
    pool: "threads",
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
    expect: { poll: { timeout: 240_000 } },
    setupFiles: ["test/set-up.ts"],
  },
});
