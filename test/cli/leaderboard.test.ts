import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { command, SMALL, workFolder } from "./canopy.ts";

const POWERED = SMALL.replaceAll(/profile: \{ law: .*$/gm, "profile: h100-80gb.llama-3-8b.bf16.tp1").replace(
  "seeds: 3",
  "seeds: 2",
);

test("the bound is of the seeds of the result, and a leaderboard without it says why", async () => {
  const cwd = workFolder({ "small.yaml": POWERED });
  expect(
    (await command(["run", "small.yaml", "--out", "one", "--quiet", "--workers", "0"], { cwd })).code,
  ).toBe(0);
  const bound = async () => {
    const { code, stdout } = await command(["leaderboard", "one", "--format", "json"], { cwd });
    expect(code).toBe(0);
    const { metrics, reason } = (
      JSON.parse(stdout) as { bound: { metrics: Record<string, number> | null; reason: string | null } }
    ).bound;
    return metrics === null ? reason : metrics["energy_j_per_request"];
  };
  const own = await bound();
  expect(own).toBeGreaterThan(0);
  // The same point under more seeds: they are not those of the rows.
  writeFileSync(join(cwd, "small.yaml"), POWERED.replace("seeds: 2", "seeds: 5"));
  expect(await bound()).toBe(own);
  writeFileSync(join(cwd, "small.yaml"), POWERED.replace("seeds: 2", "seeds: 1"));
  expect(await bound()).toBe("small.yaml has other seeds or starts than the result");
  writeFileSync(join(cwd, "small.yaml"), POWERED.replace("requests: 60", "requests: 61"));
  expect(await bound()).toBe("small.yaml and its data are not what the result was made from");
  renameSync(join(cwd, "small.yaml"), join(cwd, "other.yaml"));
  expect(await bound()).toBe(
    "small: its experiment small.yaml is neither in the working directory nor in the package",
  );
});
