import { execFileSync, type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PARENT = mkdtempSync(join(tmpdir(), "canopy-build-"));
/** What is installed: the package's files, without its dependencies' names, which are in a folder above. */
const PACKAGE = join(PARENT, "package");
const ADDON = join(PACKAGE, "native", "build", "Release", "canopy_native.node");
const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

mkdirSync(PACKAGE);
symlinkSync(join(ROOT, "node_modules"), join(PARENT, "node_modules"));
cpSync(join(ROOT, "native"), join(PACKAGE, "native"), {
  recursive: true,
  filter: (path) => path !== join(ROOT, "native", "build"),
});
cpSync(join(ROOT, "binding.gyp"), join(PACKAGE, "binding.gyp"));
const { name, version, scripts } = manifest;
const { install } = scripts;
const shipped = { name, version, scripts: { install, "build:native": scripts["build:native"] } };
writeFileSync(join(PACKAGE, "package.json"), JSON.stringify(shipped));
afterAll(() => rmSync(PARENT, { recursive: true, force: true }));

/** A folder that has these programs of this machine, and nothing else. */
function only(...programs: string[]): string {
  const folder = mkdtempSync(join(PARENT, "bin-"));
  for (const program of programs) symlinkSync(found(program) ?? process.execPath, join(folder, program));
  return folder;
}

function found(program: string): string | undefined {
  for (const folder of String(process.env.PATH).split(delimiter)) {
    if (existsSync(join(folder, program))) return join(folder, program);
  }
  return undefined;
}

/** PATH without the folders that have nvcc. */
function withoutNvcc(): string {
  const folders = String(process.env.PATH).split(delimiter);
  return folders.filter((folder) => !existsSync(join(folder, "nvcc"))).join(delimiter);
}

function inPackage(
  words: readonly string[],
  env: Record<string, string | undefined> = {},
): SpawnSyncReturns<string> {
  return spawnSync(words[0] === "node" ? process.execPath : words[0], words.slice(1), {
    cwd: PACKAGE,
    encoding: "utf8",
    // What npm set for this very suite would speak for the installation under test.
    env: { ...withoutNpm(process.env), CUDACXX: undefined, ...env },
  });
}

function withoutNpm(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^npm_/i.test(name)));
}

function cudaOf(path: string): unknown {
  const script = "process.stdout.write(JSON.stringify(require(process.argv[1]).describe().build.cuda))";
  return JSON.parse(execFileSync(process.execPath, ["-e", script, path], { encoding: "utf8" }));
}

const BARE = only("node");
const CASES: readonly (readonly [string, string, string])[] = [
  ["without CMake", only("node", "g++"), "CMake is not installed"],
  ["without a compiler", only("node", "cmake", "ninja"), "no C++ compiler is installed"],
];

describe.each(CASES)("%s", (_, path, reason) => {
  test("the installation ends well, with one line of help", () => {
    const { status, stdout, stderr } = inPackage(["node", "native/install.cjs"], { PATH: path });
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(reason);
    expect(stderr).toContain("npm run build:native");
    expect(readFileSync(join(PACKAGE, "native", "build", "not-built.txt"), "utf8")).toContain(reason);
  });

  test("build:native fails, and its last line says why", () => {
    const { status, stderr } = inPackage(["node", "native/build.cjs"], { PATH: path });
    expect(status).toBe(1);
    expect(stderr.trim().split("\n").at(-1)).toContain(reason);
  });
});

test("--cuda=ON without nvcc fails by name", () => {
  const { status, stderr } = inPackage(["node", "native/build.cjs", "--cuda=ON"], { PATH: withoutNvcc() });
  expect(status).toBe(1);
  expect(stderr.trim().split("\n").at(-1)).toContain("no CUDA compiler was found");
});

test("an unknown word is refused before anything is built", () => {
  expect(inPackage(["node", "native/build.cjs", "--cuda=YES"])).toMatchObject({ status: 2 });
});

test("npm install without a network and without a configuration builds the addon for processors", () => {
  const home = mkdtempSync(join(PARENT, "home-"));
  const { status, stderr } = inPackage(["npm", "install", "--offline", "--no-audit", "--no-fund"], {
    HOME: home,
    NPM_CONFIG_USERCONFIG: "/dev/null",
    NPM_CONFIG_CACHE: join(home, "cache"),
  });
  expect([status, stderr]).toEqual([0, expect.any(String)]);
  expect(cudaOf(ADDON)).toBeNull();
  expect(existsSync(join(PACKAGE, "native", "build", "not-built.txt"))).toBe(false);
});

test("an addon that is there outlives an installation that cannot build another", () => {
  const before = readFileSync(ADDON);
  expect(inPackage(["node", "native/install.cjs"], { PATH: BARE }).status).toBe(0);
  expect(readFileSync(ADDON).equals(before)).toBe(true);
});

test("AUTO without nvcc builds for processors", () => {
  const { status, stderr } = inPackage(["node", "native/build.cjs"], { PATH: withoutNvcc() });
  expect([status, stderr]).toEqual([0, expect.stringContaining("canopy_native.node")]);
  expect(cudaOf(ADDON)).toBeNull();
});

// Even a target without sources makes node-gyp want Node's headers.
const gyp = join(
  dirname(realpathSync(found("npm") ?? process.execPath)),
  "..",
  "node_modules",
  "node-gyp",
  "bin",
);
const headers = join(dirname(process.execPath), "..", "include", "node", "node_api.h");
const missing = [join(gyp, "node-gyp.js"), headers].filter((path) => !existsSync(path));
test.skipIf(missing.length > 0)(
  `node-gyp rebuild makes the same addon${missing.length > 0 ? ` (not here: ${missing.join(", ")})` : ""}`,
  () => {
    rmSync(ADDON);
    const nodedir = join(dirname(process.execPath), "..");
    const { status, stderr } = inPackage(
      ["node", join(gyp, "node-gyp.js"), "rebuild", `--nodedir=${nodedir}`],
      {
        PATH: withoutNvcc(),
      },
    );
    expect([status, stderr]).toEqual([0, expect.stringContaining("gyp info ok")]);
    expect(cudaOf(ADDON)).toBeNull();
  },
);

test("the package has the sources and nothing that was built", () => {
  const listed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const files = (JSON.parse(listed) as { files: { path: string }[] }[])[0].files.map(({ path }) => path);
  for (const path of ["binding.gyp", "native/build.cjs", "native/install.cjs", "native/CMakeLists.txt"]) {
    expect(files).toContain(path);
  }
  expect(files).toContain("native/package.json");
  expect(files).toContain("native/common/build_record.h.in");
  expect(files.filter((path) => path.startsWith("native/build/"))).toEqual([]);
});
