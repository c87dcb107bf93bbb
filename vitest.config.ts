import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "canopy-bench": new URL("./src/index.ts", import.meta.url).pathname } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/suites/**"],
    pool: "threads",
    // The default leaves one core to the terminal: half of two.
    maxWorkers: "100%",
    testTimeout: 30_000,
  },
});
