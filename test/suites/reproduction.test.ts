import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../temporary-folder.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Committed results to make again, by experiment file. */
const PUBLISHED = ["table-1", "table-2"];

describe("a committed result is what its command makes", () => {
  test.each(PUBLISHED)("cedar/%s", (name) => {
    const out = temporaryFolder("reproduction");
    const words = ["run", `harness/cedar/${name}.yaml`, "--seeds", "5", "--out", out, "--fresh", "--quiet"];
    execFileSync(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...words], {
      cwd: ROOT,
      stdio: "ignore",
    });
    for (const file of ["table.csv", "table-2.csv"]) {
      const committed = readFileSync(join(ROOT, "results", "cedar", `cedar-${name}`, file), "utf8");
      expect(readFileSync(join(out, file), "utf8"), file).toBe(committed);
    }
  });
});
