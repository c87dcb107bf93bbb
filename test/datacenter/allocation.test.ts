import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("an evaluation allocates nothing: less than a byte", async () => {
  const probe = fileURLToPath(new URL("./allocation-probe.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", "--import", "tsx", probe]);
  for (const bytes of Object.values<number>(JSON.parse(stdout))) expect(bytes).toBeLessThan(1);
}, 120_000);
