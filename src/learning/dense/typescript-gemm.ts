import { argumentError, expectLength } from "./arguments.ts";

/**
 * The product in blocks of 4 x 4 sums, which V8 keeps in registers. Sums are in double, in the order of k, and
 * rounded to float32 once.
 */
export function gemm(
  transA: boolean,
  transB: boolean,
  m: number,
  n: number,
  k: number,
  alpha: number,
  a: Float32Array,
  b: Float32Array,
  beta: number,
  c: Float32Array,
): void {
  if (!isSize(m) || !isSize(n) || !isSize(k)) {
    throw argumentError(`m, n and k have to be whole numbers from 0 to 1e9, not ${m}, ${n}, ${k}`);
  }
  expectLength(a, m * k, "a");
  expectLength(b, k * n, "b");
  expectLength(c, m * n, "c");
  const aRow = transA ? 1 : k;
  const aDepth = transA ? m : 1;
  const bDepth = transB ? 1 : n;
  const bColumn = transB ? k : 1;
  const wholeRows = m - (m % 4);
  const wholeColumns = n - (n % 4);
  for (let i = 0; i < wholeRows; i += 4) {
    for (let j = 0; j < wholeColumns; j += 4) {
      block(k, alpha, a, i * aRow, aRow, aDepth, b, j * bColumn, bColumn, bDepth, beta, c, i * n + j, n);
    }
  }
  for (let i = 0; i < m; i++) {
    for (let j = i < wholeRows ? wholeColumns : 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * aRow + p * aDepth] * b[j * bColumn + p * bDepth];
      const at = i * n + j;
      c[at] = beta === 0 ? alpha * sum : alpha * sum + beta * c[at];
    }
  }
}

function block(
  k: number,
  alpha: number,
  a: Float32Array,
  aStart: number,
  aRow: number,
  aDepth: number,
  b: Float32Array,
  bStart: number,
  bColumn: number,
  bDepth: number,
  beta: number,
  c: Float32Array,
  cStart: number,
  cRow: number,
): void {
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  let s30 = 0;
  let s31 = 0;
  let s32 = 0;
  let s33 = 0;
  let pa = aStart;
  let pb = bStart;
  for (let p = 0; p < k; p++) {
    const a0 = a[pa];
    const a1 = a[pa + aRow];
    const a2 = a[pa + 2 * aRow];
    const a3 = a[pa + 3 * aRow];
    const b0 = b[pb];
    const b1 = b[pb + bColumn];
    const b2 = b[pb + 2 * bColumn];
    const b3 = b[pb + 3 * bColumn];
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
    pa += aDepth;
    pb += bDepth;
  }
  writeRow(c, cStart, alpha, beta, s00, s01, s02, s03);
  writeRow(c, cStart + cRow, alpha, beta, s10, s11, s12, s13);
  writeRow(c, cStart + 2 * cRow, alpha, beta, s20, s21, s22, s23);
  writeRow(c, cStart + 3 * cRow, alpha, beta, s30, s31, s32, s33);
}

function writeRow(
  c: Float32Array,
  at: number,
  alpha: number,
  beta: number,
  s0: number,
  s1: number,
  s2: number,
  s3: number,
): void {
  if (beta === 0) {
    c[at] = alpha * s0;
    c[at + 1] = alpha * s1;
    c[at + 2] = alpha * s2;
    c[at + 3] = alpha * s3;
    return;
  }
  c[at] = alpha * s0 + beta * c[at];
  c[at + 1] = alpha * s1 + beta * c[at + 1];
  c[at + 2] = alpha * s2 + beta * c[at + 2];
  c[at + 3] = alpha * s3 + beta * c[at + 3];
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 1e9;
}
