import { describe, expect, it } from "vitest";
import { convertUnit } from "../../src/metrics/units.ts";

describe("convertUnit", () => {
  it.each([
    [640, "ms", "s", 0.64],
    [4.3, "%", "", 0.043],
    [0.043, "", "%", 4.3],
    // The specification's check: 0.194 kWh is 698 kJ.
    [0.194, "kWh", "kJ", 698.4],
    [1, "Wh", "J", 3600],
    [67.8, "mg", "g", 0.0678],
    [2, "m3", "L", 2000],
    [3, "widgets", "widgets", 3],
  ])("%f %s in %s", (value, from, to, expected) => {
    expect(convertUnit(value, from, to)).toBeCloseTo(expected, 12);
  });

  it.each([
    ["s", "J"],
    ["g", "g/token"],
    ["", "s"],
    ["toString", "valueOf"],
  ])("knows no way from %j to %j", (from, to) => {
    expect(convertUnit(1, from, to)).toBeUndefined();
  });
});
