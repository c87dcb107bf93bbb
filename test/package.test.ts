import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../", import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(new URL(name, ROOT), "utf8"));
const manifest = json("package.json");
const lock = json("package-lock.json") as {
  packages: Record<
    string,
    { version?: string; optionalDependencies?: Record<string, string>; optional?: boolean }
  >;
};

describe("package", () => {
  test("the lock file has the dependencies of package.json", () => {
    const [{ dependencies, devDependencies }] = Object.values(lock.packages) as (typeof manifest)[];
    expect(dependencies).toEqual(manifest.dependencies);
    expect(devDependencies).toEqual(manifest.devDependencies);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
    }
  });

  test("the lock file has the packages of every platform, without which npm ci refuses it (scripts/complete-lock.mjs)", () => {
    const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !lock.packages[`node_modules/${name}`] && !lock.packages[`${path}/node_modules/${name}`],
      ),
    );
    expect(missing).toEqual([]);
  });

  test("what the package says it ships is there", () => {
    for (const path of manifest.files as string[]) {
      if (path !== "dist" && !path.startsWith("!"))
        expect([path, existsSync(new URL(path, ROOT))]).toEqual([path, true]);
    }
  });
});
