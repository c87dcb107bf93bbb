/**
 * `npm run build:native`: builds the addon with cmake-js into native/build/Release and tries it in a process of its own.
 * Strict: leaves with 1 and one line that says what is amiss.
 *
 *   npm run build:native                  CUDA where nvcc is found
 *   npm run build:native -- --cuda=ON     fails without nvcc
 *   npm run build:native -- --cuda=OFF    for processors only
 */
const { spawn, spawnSync } = require("node:child_process");
const { mkdirSync, rmSync, writeFileSync } = require("node:fs");
const { availableParallelism } = require("node:os");
const { join } = require("node:path");

const BUILD = join(__dirname, "build");
const ADDON = join(BUILD, "Release", "canopy_native.node");
const CACHE = join(BUILD, "CMakeCache.txt");
/** One line that the loader repeats: npm hides what install scripts print. */
const REASON_FILE = join(BUILD, "not-built.txt");

/** What a line of the build's output means, in the order in which they are looked for. */
const REASONS = [
  [/CMake executable is not found/, () => "CMake is not installed (3.22 or later is needed)"],
  [
    /C\+\+ Compiler toolset is not available|No CMAKE_CXX_COMPILER could be found|CMAKE_CXX_COMPILER not set/,
    () => "no C++ compiler is installed (one with C++20 is needed, e.g. g++)",
  ],
  [
    /CMAKE_MAKE_PROGRAM is not set|Unable to find a build program/,
    () => "neither ninja nor make is installed",
  ],
  [/CANOPY_CUDA=ON, but (.*)/, ([, why]) => why],
  [/^(.*\berror: .*)$/m, ([, line]) => `the compiler says ${line.trim()}`],
  [/CMake Error[^\n]*\n+\s*(\S[^\n]*)/, ([, line]) => `CMake says ${line.trim()}`],
];

/**
 * Builds, and leaves the reason of a failure where the loader finds it. An addon that is there stays when its successor
 * cannot be built.
 *
 * @param {{ cuda: "AUTO" | "ON" | "OFF", show?: boolean }} options `show` passes the output of the tools on
 * @returns {Promise<string | undefined>} what is amiss, in a line
 */
async function buildAddon({ cuda, show = false }) {
  let reason = await compile(cuda, show);
  if (reason === undefined) {
    const { failure } = tryOut();
    if (failure !== undefined) {
      reason = `what was built does not load: ${failure}`;
      rmSync(ADDON, { force: true });
    }
  }
  try {
    if (reason === undefined) rmSync(REASON_FILE, { force: true });
    else {
      mkdirSync(BUILD, { recursive: true });
      writeFileSync(REASON_FILE, `${reason}\n`);
    }
  } catch {
    // A package that may not be written to: the reason is printed all the same.
  }
  return reason;
}

/** Whether the addon that is there has CUDA. */
function hasCuda() {
  const { description } = tryOut();
  return description !== undefined && description.build.cuda !== null;
}

async function compile(cuda, show) {
  if (process.platform !== "linux") return `it is built on Linux only, not on ${process.platform}`;
  let program;
  try {
    program = require.resolve("cmake-js/bin/cmake-js");
    require.resolve("node-addon-api");
    require.resolve("node-api-headers");
  } catch (error) {
    return `${error.message.split("\n")[0]}: run npm install`;
  }
  // A configuration of another folder, compiler or generator would fail; objects that still fit are kept without it.
  rmSync(CACHE, { force: true });
  const parallel = String(availableParallelism());
  const args = ["build", "--directory", __dirname, "--out", BUILD, "--parallel", parallel];
  const { code, output } = await run(process.execPath, [program, ...args, `--CDCANOPY_CUDA=${cuda}`], show);
  if (code === 0) return undefined;
  for (const [pattern, say] of REASONS) {
    const match = pattern.exec(output);
    if (match !== null) return say(match);
  }
  return output.trim().split("\n").at(-1) || `cmake-js left with ${code}`;
}

function run(program, args, show) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: __dirname, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
        if (show) process.stderr.write(text);
      });
    }
    child.on("error", (error) => resolve({ code: 1, output: error.message }));
    child.on("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

/** Loads it in another process, which an addon that crashes may take along. */
function tryOut() {
  const script = "process.stdout.write(JSON.stringify(require(process.argv[1]).describe()))";
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["-e", script, ADDON], {
    encoding: "utf8",
  });
  if (status === 0) return { description: JSON.parse(stdout) };
  return { failure: /^\w*Error: .*$/m.exec(stderr)?.[0] ?? signal ?? `exit ${status}` };
}

async function main() {
  let cuda = "AUTO";
  for (const word of process.argv.slice(2)) {
    const given = /^--cuda=(AUTO|ON|OFF)$/i.exec(word);
    if (given === null) {
      process.stderr.write(
        `build:native: unknown word ${word}: expected --cuda=AUTO, --cuda=ON or --cuda=OFF\n`,
      );
      process.exitCode = 2;
      return;
    }
    cuda = given[1].toUpperCase();
  }
  const reason = await buildAddon({ cuda, show: true });
  if (reason === undefined) {
    process.stderr.write(`built ${ADDON}\n`);
    return;
  }
  process.stderr.write(`the native addon was not built: ${reason}\n`);
  process.exitCode = 1;
}

if (require.main === module) main();

module.exports = { buildAddon, hasCuda };
