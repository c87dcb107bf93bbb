import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { FakeHost } from "../fake-host.ts";

function messageOf(names: readonly string[], pools?: object, role: 0 | 1 = 0): string {
  const host = new FakeHost({ endpoints: names.map((name) => ({ name, role })) });
  const parameters = pools === undefined ? {} : { pools };
  try {
    host.start(createRouter(findRouter("slo-aware"), parameters, "test").router as Router);
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`;
  }
  return "";
}

describe("pools", () => {
  test("by default endpoints belong to the pool that their name begins with", () => {
    expect(messageOf(["lp-0", "lp-1", "cp-0", "bp-0"])).toBe("");
  });

  test("an endpoint in no pool is named, with the pools and the remedy", () => {
    expect(messageOf(["lp-0", "cp-0", "bp-0", "gpu-7"])).toMatch(
      /^CANOPY_ROUTER_POOLS endpoint "gpu-7" is in no pool \(lp: lp\*; cp: cp\*; bp: bp\*\), expected each endpoint in exactly one; .*pools/,
    );
  });

  test("an endpoint in two pools is named", () => {
    expect(messageOf(["a", "b", "c"], { lp: ["a", "b"], cp: ["b"], bp: ["c"] })).toMatch(
      /endpoint "b" is in lp and cp/,
    );
  });

  test("an empty pool is named, with the endpoints there are", () => {
    expect(messageOf(["lp-0", "cp-0"])).toMatch(
      /pool bp has no endpoint .*expected at least one of lp-0, cp-0/,
    );
  });

  test("a star stands for any text and every other character for itself", () => {
    expect(messageOf(["a.b", "axb", "c1c"], { lp: ["a.b"], cp: ["axb"], bp: ["c*c"] })).toBe("");
  });

  test("endpoints that only prefill serve nobody here", () => {
    expect(messageOf(["lp-0", "cp-0", "bp-0"], undefined, 1)).toMatch(/^CANOPY_ROUTER_ROLES /);
  });

  test("an unknown pool is refused with the parameter's name", () => {
    expect(() => createRouter(findRouter("caps"), { pools: { gp: ["x"] } }, "x.yaml:3")).toThrow(
      /x\.yaml:3: router caps: parameter "gp" of pools is not known/,
    );
  });
});
