import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { listRouters } from "../../src/routers/registry.ts";
import type { ProbeResult } from "./allocation-probe.ts";

describe("a decision allocates nothing", () => {
  let results: Record<string, ProbeResult>;
  beforeAll(async () => {
    const probe = fileURLToPath(new URL("./allocation-probe.ts", import.meta.url));
    const run = async (ids: readonly string[]): Promise<typeof results> => {
      const args = ["--expose-gc", "--import", "tsx", probe, ...ids];
      return JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
    };
    results = await run([]);
    // What a router fills it fills in every process; numbers that a compiler has boxed on its way, in some.
    for (let again = 0; again < 2; again++) {
      const loud = Object.keys(results).filter((id) => results[id].bytesPerDecision >= 1);
      if (loud.length > 0) Object.assign(results, await run(loud));
    }
  }, 240_000);

  test.each(listRouters().map((d) => d.id))("%s: warm decisions fill less than a byte each", (id) => {
    expect(results[id].held).toBe(0);
    expect(results[id].bytesPerDecision).toBeLessThan(1);
  });
});

describe("definitions", () => {
  const ids = listRouters().map((d) => d.id);

  test.each(listRouters().map((d) => [d.id, d] as const))(
    "%s is described, with a default for every parameter",
    (_, d) => {
      expect(d.summary).not.toBe("");
      expect(d.source).not.toBe("");
      expect(d.parameters.safeParse({}).success).toBe(true);
      expect(d.parameters.safeParse({ noSuchParameter: 1 }).success).toBe(false);
      if (!("shape" in d.parameters)) return;
      for (const [name, field] of Object.entries(
        d.parameters.shape as Record<string, { description?: string }>,
      )) {
        expect([name, field.description ?? ""]).not.toEqual([name, ""]);
      }
    },
  );

  test.each(listRouters().map((d) => [d.id, d] as const))("%s names routers that exist", (_, d) => {
    for (const other of [d.ablationOf, d.withoutCarbon])
      if (other !== undefined) expect(ids).toContain(other);
    expect(d.group === "ablation").toBe(d.ablationOf !== undefined);
  });
});
