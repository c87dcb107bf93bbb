import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/suites/**"],
    pool: "threads",
    testTimeout: 30_000,
  },
});
