/**
 * `npm run test:native`: the native suites. Builds in native/build/suites, so that a second run compiles little. Names of
 * steps choose among them: `npm run test:native -- sanitizers`. A step whose tool is missing is skipped by name.
 */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ROOT } from "./set-up.mjs";

const SUITES = join(ROOT, "native", "build", "suites");
const SANITIZED = join(SUITES, "sanitizers", "canopy_native.node");
const parallel = String(availableParallelism());

class Skipped extends Error {}
class Failed extends Error {}

/** Name, and what it does. */
const STEPS = {
  /** Warnings are errors; CUDA where nvcc is. */
  "g++": () => suites("g++", "g++", []),
  "clang++": () => suites("clang++", "clang++", ["-DCANOPY_CUDA=OFF"]),
  /** Optimised a little: more takes a minute for one file of kernels. */
  sanitizers: () =>
    suites("sanitizers", "g++", [
      "-DCANOPY_CUDA=OFF",
      "-DCMAKE_BUILD_TYPE=Debug",
      "-DCMAKE_CXX_FLAGS_DEBUG=-O1",
      "-DCANOPY_SANITIZE=address,undefined",
    ]),
  /** The addon in Node: worker threads, builds and installations, agreement with TypeScript. */
  node() {
    const addon = { CANOPY_ADDON: join(SUITES, "g++", "canopy_native.node") };
    run(process.execPath, [join("scripts", "test.mjs"), "test/native", "test/learning"], addon);
    const program = join("node_modules", "vitest", "vitest.mjs");
    const config = ["--config", "vitest.suites.config.ts"];
    run(process.execPath, [program, "run", ...config, "test/suites/native"], addon);
  },
  /** Node itself is not built with the sanitizer, whose library has to be there first. Leaks are Node's own. */
  "node with sanitizers"() {
    const library = spawnSync("g++", ["-print-file-name=libasan.so"], { encoding: "utf8" }).stdout.trim();
    if (!library.startsWith("/")) throw new Skipped("g++ has no libasan.so");
    run(process.execPath, [join("test", "suites", "native", "worker-harness.mjs"), SANITIZED, "10"], {
      LD_PRELOAD: library,
      ASAN_OPTIONS: "detect_leaks=0",
      UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
    });
  },
};

function suites(name, compiler, options) {
  if (!found(compiler)) throw new Skipped(`${compiler} is not installed`);
  const folder = join(SUITES, name);
  const generator = found("ninja") ? ["-G", "Ninja"] : [];
  run("cmake", [
    ...["-S", "native", "-B", folder, ...generator],
    ...["-DCANOPY_TESTS=ON", `-DCMAKE_CXX_COMPILER=${compiler}`, ...options],
  ]);
  run("cmake", ["--build", folder, "--parallel", parallel]);
  run("ctest", ["--test-dir", folder, "--output-on-failure", "--no-tests=error"]);
}

function found(program) {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

function run(program, args, env = {}) {
  const { status, signal, error } = spawnSync(program, args, {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  if (error !== undefined) throw new Failed(`${program}: ${error.message}`);
  if (status !== 0) throw new Failed(`${program} left with ${signal ?? status}`);
}

const given = process.argv.slice(2);
const unknown = given.filter((name) => !(name in STEPS));
if (unknown.length > 0) {
  process.stdout.write(`no step ${unknown.join(", ")}: expected ${Object.keys(STEPS).join(", ")}\n`);
  process.exit(2);
}
const lines = [];
for (const [name, step] of Object.entries(STEPS)) {
  if (given.length > 0 && !given.includes(name)) continue;
  process.stdout.write(`\n-- native suites: ${name}\n`);
  const began = performance.now();
  let outcome = "passed";
  try {
    step();
  } catch (error) {
    if (error instanceof Skipped) outcome = `skipped: ${error.message}`;
    else if (error instanceof Failed) {
      outcome = `FAILED: ${error.message}`;
      process.exitCode = 1;
    } else throw error;
  }
  lines.push(`${name}: ${outcome} (${((performance.now() - began) / 1000).toFixed(0)} s)`);
}
process.stdout.write(`\n${lines.join("\n")}\n`);
