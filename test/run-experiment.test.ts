import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runExperiment, UserError } from "../src/index.ts";
import { SMALL, workFolder } from "./cli/canopy.ts";

describe("runExperiment", () => {
  const folder = workFolder({ "small.yaml": SMALL });
  const file = join(folder, "small.yaml");

  test("gives the result of every router, the same with workers as without", async () => {
    const { result, failed } = await runExperiment(file, { sets: ["seeds=2"] });
    expect(failed).toEqual([]);
    expect(result.rows.map(({ router, runs }) => [router, runs.done])).toEqual([
      ["round-robin", 2],
      ["least-loaded", 2],
    ]);
    expect(result.rows[0].metrics["finished"].mean).toBe(60);
    expect((await runExperiment(file, { sets: ["seeds=2"], workers: 2 })).result).toEqual(result);
  });

  test("returns what is done when it is ended", async () => {
    const ending = new AbortController();
    ending.abort();
    const { result } = await runExperiment(file, { signal: ending.signal });
    expect(result.rows.map(({ runs }) => runs)).toEqual([
      { done: 0, planned: 3 },
      { done: 0, planned: 3 },
    ]);
  });

  test("names a router's failure", async () => {
    writeFileSync(
      join(folder, "fails.mjs"),
      "export default { id: 'fails', create: () => ({ start() { throw new Error('not today'); }, arrival() {} }) };",
    );
    const { failed } = await runExperiment(file, {
      sets: ["seeds=1", `routers=[${join(folder, "fails.mjs")}]`],
    });
    expect(failed).toMatchObject([
      { spec: { seed: 1 }, failure: { code: "CANOPY_RUN_FAILED", message: "not today" } },
    ]);
  });

  test("refuses a file that is not there", async () => {
    await expect(runExperiment(join(folder, "smal.yaml"))).rejects.toBeInstanceOf(UserError);
  });
});
