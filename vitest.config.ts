import { configDefaults, defineConfig } from "vitest/config";

/** Files that compare with clocks: alone, after the others, since a busy host is late. */
const TIMED = ["test/profile/measure/measure-host.test.ts"];
const SUITES = "test/suites/**";

export default defineConfig({
  resolve: { alias: { "canopy-bench": new URL("./src/index.ts", import.meta.url).pathname } },
  test: {
    pool: "threads",
    testTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, SUITES, ...TIMED],
          // The default leaves one core to the terminal: half of two.
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: { name: "timed", include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
