import { isotonicGrid } from "./isotonic.ts";

/** One measured cell of a grid. */
export interface CurveCell {
  readonly value: number;
  readonly standardError: number;
  /** Others' work was in it: its error is not what its scatter says. */
  readonly contaminated: boolean;
  /** For messages, e.g. `batch 8 at context 512`. */
  readonly name: string;
}

/** A fall of a time that should not fall. */
export interface Fall {
  /** Within three standard errors of the difference, or next to a contaminated cell. */
  readonly withinNoise: boolean;
  /** One line. */
  readonly message: string;
}

/** A fall by more than this many standard errors of the difference is taken for real. */
const NOISE_ERRORS = 3;

/**
 * A grid of times as a profile needs it, non-decreasing along rows and columns: the isotonic fit weighted by 1 / error^2,
 * and where the measured values fall.
 */
export function fitCurve(grid: readonly (readonly CurveCell[])[]): {
  readonly fitted: number[][];
  readonly falls: readonly Fall[];
} {
  const falls: Fall[] = [];
  const look = (before: CurveCell, after: CurveCell) => {
    if (after.value >= before.value) return;
    const error = Math.hypot(before.standardError, after.standardError);
    const errors = (before.value - after.value) / error;
    falls.push({
      withinNoise: errors <= NOISE_ERRORS || before.contaminated || after.contaminated,
      message:
        `${after.name} takes ${milliseconds(after.value)} ms, less than the ${milliseconds(before.value)} ms of ` +
        `${before.name}, by ${errors.toFixed(1)} standard errors`,
    });
  };
  grid.forEach((row, i) => {
    row.forEach((cell, j) => {
      if (j > 0) look(row[j - 1], cell);
      if (i > 0) look(grid[i - 1][j], cell);
    });
  });
  const values = grid.map((row) => row.map(({ value }) => value));
  const weights = grid.map((row) => row.map(({ standardError }) => 1 / standardError ** 2));
  return { fitted: falls.length === 0 ? values : isotonicGrid(values, weights), falls };
}

function milliseconds(value: number): string {
  return value.toPrecision(4);
}
