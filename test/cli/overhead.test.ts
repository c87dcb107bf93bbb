import { describe, expect, test } from "vitest";
import { command } from "./canopy.ts";

describe("canopy overhead refuses", () => {
  test.each([
    [
      "an unknown router",
      ["--router", "round-robbin"],
      "CANOPY_ROUTER_UNKNOWN",
      'did you mean "round-robin"?',
    ],
    ["no endpoints", ["--endpoints", "0"], "CANOPY_OPTION_VALUE", "whole numbers from 3 to 100000"],
    ["part of an endpoint", ["--endpoints", "12,7.5"], "CANOPY_OPTION_VALUE", "whole numbers from 3"],
    ["a fleet at its limit", ["--load", "0.3,1"], "CANOPY_OPTION_VALUE", "shares above 0 and below 1"],
    ["an empty load", ["--load", "0.3,"], "CANOPY_OPTION_VALUE", "shares above 0 and below 1"],
    ["a cap of nothing", ["--cap", "0"], "CANOPY_OPTION_VALUE", "--cap 0"],
  ])("%s", async (_, args, code, words) => {
    const ended = await command(["overhead", ...args]);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toBe("");
    expect(ended.stderr).toContain(`error ${code}: `);
    expect(ended.stderr).toContain(words);
  });
});
