import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseDecimal, TimeStamp } from "../../../src/workload/read/bytes.ts";

const decimal = (text: string) => {
  const bytes = Buffer.from(`x${text}y`);
  return parseDecimal(bytes, 1, bytes.length - 1);
};

describe("parseDecimal", () => {
  test("equals Number for every finite double as JavaScript writes it", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(decimal(String(value))).toBe(Number(String(value)));
      }),
      { numRuns: 2000 },
    );
  });

  test("equals Number for decimals of any number of digits", () => {
    const digits = fc.stringMatching(/^[0-9]{1,22}$/);
    fc.assert(
      fc.property(digits, digits, fc.boolean(), (whole, fraction, negative) => {
        const text = `${negative ? "-" : ""}${whole}.${fraction}`;
        expect(decimal(text)).toBe(Number(text));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ["0", 0],
    ["  42 ", 42],
    ["+3", 3],
    [".5", 0.5],
    ["5.", 5],
    ["1e3", 1000],
    ["-2.5E-1", -0.25],
  ])("%j is %d", (text, value) => {
    expect(decimal(text)).toBe(value);
  });

  test.each([
    "",
    " ",
    "-",
    ".",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "0x10",
    "1,5",
    "1e",
    "1 2",
    "--1",
    "1.2.3",
    "12a",
  ])("%j is no number", (text) => {
    expect(decimal(text)).toBeNaN();
  });
});

describe("TimeStamp", () => {
  const parse = (text: string) => {
    const bytes = Buffer.from(`x${text}y`);
    const stamp = new TimeStamp();
    return stamp.parse(bytes, 1, bytes.length - 1) ? [stamp.seconds, stamp.fraction] : undefined;
  };

  test("agrees with Date on every second of two centuries", () => {
    fc.assert(
      fc.property(fc.integer({ min: -2_208_988_800, max: 4_102_444_800 }), (seconds) => {
        const text = new Date(seconds * 1000).toISOString();
        expect(parse(text)).toEqual([seconds, 0]);
        expect(parse(text.slice(0, 19).replace("T", " "))).toEqual([seconds, 0]);
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps seven digits of the second exactly", () => {
    expect(parse("2023-11-16 18:17:03.9799600")).toEqual([Date.UTC(2023, 10, 16, 18, 17, 3) / 1000, 0.97996]);
    expect(parse("2023-11-16 18:17:03.0000001")?.[1]).toBe(1e-7);
  });

  test("understands offsets", () => {
    const noon = Date.UTC(2024, 4, 10, 12) / 1000;
    for (const text of [
      "2024-05-10 12:00:00+00:00",
      "2024-05-10T12:00:00.000Z",
      "2024-05-10 14:00:00+02:00",
      "2024-05-10 07:30:00-0430",
      "2024-05-10 13:00:00+01",
    ])
      expect(parse(text)?.[0]).toBe(noon);
  });

  test.each([
    "2023-11-16",
    "2023-13-16 18:17:03",
    "2023-11-16 24:17:03",
    "2023/11/16 18:17:03",
    "2023-11-16 18:17:03 CET",
    "2023-11-16 18:17:03.12x",
    "16-11-2023 18:17:03",
    "1700158623.97996000000",
  ])("%j is no time", (text) => {
    expect(parse(text)).toBeUndefined();
  });
});
