import { configDefaults, defineConfig } from "vitest/config";

/** Files that compare with clocks: alone, after the others, since a busy host is late. */
const TIMED = ["test/profile/measure/measure-host.test.ts"];
const SUITES = "test/suites/**";

export default defineConfig({
  resolve: { alias: { "canopy-bench": new URL("./src/index.ts", import.meta.url).pathname } },
  test: {
    pool: "threads",
    // Generous: a busy host is slow, and a test that hangs is rare.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 240_000 } },
    setupFiles: ["test/set-up.ts"],
    // Modules are loaded once by each worker, not by each file: nothing under src/ or test/ keeps a state that shows.
    isolate: false,
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
