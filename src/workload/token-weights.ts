import type { Distribution } from "./distribution.ts";

/**
 * A distribution of lengths as draws and their probabilities, without sampling: every whole number of a uniform, the
 * values of an empirical one, a grid over the normal variate (step 1/128 within ±10) of a log-normal.
 */
export function weightsOfTokens(d: Distribution): {
  readonly values: Float64Array;
  readonly weights: Float64Array;
} {
  const values: number[] = [];
  const weights: number[] = [];
  enumerate(d, 1, (value, weight) => {
    values.push(value);
    weights.push(weight);
  });
  return { values: Float64Array.from(values), weights: Float64Array.from(weights) };
}

const STEP = 1 / 128;
const REACH = 10;
/** A wider uniform is divided into as many equal parts. */
const MOST_CELLS = 65536;

function enumerate(d: Distribution, share: number, visit: (value: number, weight: number) => void): void {
  switch (d.dist) {
    case "lognormal": {
      const draws = Array.from({ length: (2 * REACH) / STEP + 1 }, (_, i) => i * STEP - REACH);
      const mass = draws.reduce((sum, z) => sum + Math.exp(-0.5 * z * z), 0);
      for (const z of draws) {
        const draw = Math.exp(d.mu + d.sigma * z);
        const bounded = Math.min(Math.max(draw, d.min ?? 0), d.max ?? draw);
        visit(bounded, (share * Math.exp(-0.5 * z * z)) / mass);
      }
      return;
    }
    case "constant":
      visit(d.value, share);
      return;
    case "uniform": {
      const span = d.max - d.min + 1;
      const cells = Math.min(span, MOST_CELLS);
      for (let i = 0; i < cells; i++) visit(d.min + Math.floor(((i + 0.5) * span) / cells), share / cells);
      return;
    }
    case "empirical": {
      let mass = 0;
      for (let i = 0; i < d.values.length; i++) mass += d.weights?.[i] ?? 1;
      for (let i = 0; i < d.values.length; i++) visit(d.values[i], (share * (d.weights?.[i] ?? 1)) / mass);
      return;
    }
    case "mixture":
      for (const part of d.parts) enumerate(part.of, share * part.share, visit);
  }
}
