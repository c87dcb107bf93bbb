/**
 * Completes package-lock.json after a change of dependencies: `npm install` leaves out packages of other platforms that
 * the registry at hand does not serve, and `npm ci` then refuses the lock file everywhere. Adds them with the version
 * that their parent pins, and with platform and processor read off their names. Prints what it added.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./set-up.mjs";

const PLATFORMS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "x64"];

const file = join(ROOT, "package-lock.json");
const lock = JSON.parse(readFileSync(file, "utf8"));
const { packages } = lock;
const added = {};
for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const there = packages[`node_modules/${name}`] ?? packages[`${path}/node_modules/${name}`];
    if (there === undefined) added[`node_modules/${name}`] = entryOf(name, version);
  }
}
lock.packages = Object.fromEntries(
  Object.entries({ ...packages, ...added }).sort(([a], [b]) => (a < b ? -1 : 1)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
for (const path of Object.keys(added)) process.stdout.write(`${path}\n`);

function entryOf(name, version) {
  const words = name.split("-");
  const platform = PLATFORMS.find((word) => words.includes(word));
  const processor = PROCESSORS.find((word) => words.includes(word));
  if (platform === undefined || processor === undefined) {
    throw new Error(`${name} is missing from the lock file and names no platform: complete it by hand`);
  }
  // A sister package for another platform tells the rest.
  const stem = `node_modules/${name.slice(0, name.indexOf(`-${platform}`) + 1)}`;
  const sister = Object.entries(packages).find(([path]) => path.startsWith(stem))?.[1] ?? {};
  return {
    version,
    cpu: [processor],
    ...(sister.dev === true ? { dev: true } : {}),
    ...(platform === "linux"
      ? { libc: [words.some((word) => word.startsWith("musl")) ? "musl" : "glibc"] }
      : {}),
    ...(sister.license === undefined ? {} : { license: sister.license }),
    optional: true,
    os: [platform],
    ...(sister.engines === undefined ? {} : { engines: sister.engines }),
  };
}
