import fc from "fast-check";
import { expect, test } from "vitest";
import {
  formatInColumn,
  formatInterval,
  formatShort,
  formatSignificant,
} from "../../src/report/format-number.ts";

test.each([
  [0, 3, "0"],
  [0.00189, 3, "0.00189"],
  [0.88, 3, "0.880"],
  [1.58, 3, "1.58"],
  [95.7, 3, "95.7"],
  [1366.49, 3, "1366"],
  [999.96, 4, "1000"],
  [123456, 3, "123456"],
  [999_999.4, 3, "999999"],
  [999_999.6, 3, "1.00e6"],
  [1e6, 3, "1.00e6"],
  [1e-4, 3, "0.000100"],
  [9.9996e-5, 3, "0.000100"],
  [9.994e-5, 3, "9.99e-5"],
  [-0.5, 2, "-0.50"],
  [Number.NaN, 3, "NaN"],
  [Number.NEGATIVE_INFINITY, 3, "-∞"],
])("%d to %i significant digits is %s", (value, digits, text) => {
  expect(formatSignificant(value, digits)).toBe(text);
});

test("no scientific notation from 1e-4 to below 1e6, and the text is within half a unit of the last digit", () => {
  const magnitude = fc.double({ min: 1e-4, max: 999_999, noNaN: true });
  fc.assert(
    fc.property(magnitude, fc.integer({ min: 1, max: 6 }), fc.boolean(), (x, digits, negative) => {
      const value = negative ? -x : x;
      const text = formatSignificant(value, digits);
      expect(text).not.toContain("e");
      const decimals = text.split(".")[1]?.length ?? 0;
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(0.5000001 * 10 ** -decimals);
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(0.5000001 * 10 ** (1 - digits) * x * 10);
    }),
  );
});

test("columns choose whole numbers, decimals or a function", () => {
  const column = { key: "k", header: "h" };
  expect(formatInColumn(7.6, { ...column, format: "integer" })).toBe("8");
  expect(formatInColumn(-0.001, { ...column, format: "fixed" })).toBe("0.00");
  expect(formatInColumn(2.345, { ...column, format: "fixed", digits: 1 })).toBe("2.3");
  expect(formatInColumn(0.12345, { ...column, digits: 4 })).toBe("0.1235");
  expect(formatInColumn(3, { ...column, format: (x) => `x${x}` })).toBe("x3");
});

test("bounds take the decimals of their value", () => {
  const column = { key: "k", header: "h" };
  expect(formatInterval([11.123, 13.2], 12.04, column)).toEqual(["11.1", "13.2"]);
  expect(formatInterval([0.09, 1.2], 0.5, column)).toEqual(["0.090", "1.200"]);
  expect(formatInterval([0.09, 1.2], null, column)).toEqual(["0.0900", "1.20"]);
  expect(formatInterval([1e-5, 2e-5], 1.5e-5, column)).toEqual(["1.00e-5", "2.00e-5"]);
});

test("short numbers drop trailing zeros but no digit before the point", () => {
  expect([0.5, 100, 1500, 0.25, 2e6, 1e-6, 0].map((x) => formatShort(x))).toEqual([
    "0.5",
    "100",
    "1500",
    "0.25",
    "2e6",
    "1e-6",
    "0",
  ]);
});
