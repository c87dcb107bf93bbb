import { UserError } from "../errors.ts";

/** Throws `CANOPY_WORKLOAD_PARAMETER` unless `condition` holds; `where` is the parameter's path. */
export function expectParameter(condition: boolean, where: string, expected: string, given: unknown): void {
  if (condition) return;
  const shown = typeof given === "string" ? `"${given}"` : String(given);
  throw new UserError("CANOPY_WORKLOAD_PARAMETER", `workload: ${where} is ${shown}, expected ${expected}`);
}

export function expectPositive(value: number, where: string): void {
  expectParameter(Number.isFinite(value) && value > 0, where, "a positive number", value);
}

export function expectNotNegative(value: number, where: string): void {
  expectParameter(Number.isFinite(value) && value >= 0, where, "a number of at least 0", value);
}

export function expectCount(value: number, where: string): void {
  expectParameter(Number.isSafeInteger(value) && value >= 1, where, "a whole number of at least 1", value);
}

/** Shares must lie in [0, 1] and sum to 1 (to 1e-6, so that thirds can be written with a few digits). */
export function expectShares(shares: readonly number[], names: readonly string[], where: string): void {
  expectParameter(shares.length > 0, where, "at least one entry", "empty");
  let total = 0;
  for (let i = 0; i < shares.length; i++) {
    expectParameter(shares[i] >= 0 && shares[i] <= 1, `${where}.${names[i]}`, "a share in [0, 1]", shares[i]);
    total += shares[i];
  }
  if (Math.abs(total - 1) > 1e-6) {
    throw new UserError(
      "CANOPY_WORKLOAD_SHARES",
      `workload: ${where} has shares that sum to ${Number(total.toPrecision(9))}, expected 1 (${names
        .map((name, i) => `${name} ${shares[i]}`)
        .join(", ")})`,
    );
  }
}
