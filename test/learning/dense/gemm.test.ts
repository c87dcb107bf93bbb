import { describe, expect, test } from "vitest";
import { Stream } from "../../../src/numeric/random.ts";
import { backendsHere } from "./backends.ts";

const SIZES = [
  [1, 1, 1],
  [1, 128, 64],
  [3, 5, 7],
  [4, 4, 4],
  [6, 17, 300],
  [13, 33, 20],
  [31, 66, 257],
  [64, 32, 1],
] as const;

describe.each(backendsHere())("$name", ({ dense }) => {
  test.each(SIZES)("%i x %i x %i in every transposition equals the naive product", (m, n, k) => {
    const random = new Stream(1, "gemm");
    const draw = (count: number) => Float32Array.from({ length: count }, () => random.uniform() - 0.5);
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        const [a, b, before] = [draw(m * k), draw(k * n), draw(m * n)];
        const product = (i: number, j: number) => {
          let sum = 0;
          for (let p = 0; p < k; p++)
            sum += a[transA ? p * m + i : i * k + p] * b[transB ? j * k + p : p * n + j];
          return sum;
        };
        const fresh = new Float32Array(m * n).fill(Number.NaN);
        dense.gemm(transA, transB, m, n, k, 1, a, b, 0, fresh);
        const added = before.slice();
        dense.gemm(transA, transB, m, n, k, -2, a, b, 0.5, added);
        let worst = 0;
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            const at = i * n + j;
            const exact = product(i, j);
            worst = Math.max(worst, Math.abs(fresh[at] - exact));
            worst = Math.max(worst, Math.abs(added[at] - (-2 * exact + 0.5 * before[at])));
          }
        }
        expect(worst).toBeLessThan(2e-6 * (2 + Math.sqrt(k)));
      }
    }
  });

  test("the same product has the same bits again", () => {
    const random = new Stream(2, "gemm");
    const a = Float32Array.from({ length: 50 * 70 }, () => random.normal());
    const b = Float32Array.from({ length: 70 * 45 }, () => random.normal());
    const [first, second] = [new Float32Array(50 * 45), new Float32Array(50 * 45)];
    dense.gemm(false, false, 50, 45, 70, 1, a, b, 0, first);
    dense.gemm(false, false, 50, 45, 70, 1, a, b, 0, second);
    expect(second).toEqual(first);
  });

  test("arrays that are too short and sizes that are none are refused by name", () => {
    const short = new Float32Array(3);
    const long = new Float32Array(4);
    const call = (a: Float32Array, b: Float32Array, c: Float32Array, m = 2) =>
      dense.gemm(false, false, m, 2, 2, 1, a, b, 0, c);
    const code = "ERR_CANOPY_ARGUMENT";
    expect(() => call(short, long, long)).toThrow(
      expect.objectContaining({ code, message: "a holds 3 elements, expected 4" }),
    );
    expect(() => call(long, short, long)).toThrow("b holds 3 elements, expected 4");
    expect(() => call(long, long, short)).toThrow("c holds 3 elements, expected 4");
    expect(() => call(long, long, long, 1.5)).toThrow(expect.objectContaining({ code }));
    expect(() => call(long, long, long, -1)).toThrow(expect.objectContaining({ code }));
  });
});
