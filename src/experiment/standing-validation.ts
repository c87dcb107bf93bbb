import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The validation of this copy of Canopy: what `canopy validate --out results/validation` wrote. */
const STANDING = fileURLToPath(new URL("../../results/validation/validation.json", import.meta.url));

/** Headline of a validation (schema canopy/validation/1). Shares are fractions. */
export interface StandingValidation {
  /** What was run, e.g. `Canopy's own CPU engine, model tiny`. */
  readonly target: string;
  readonly measuredAt: string;
  readonly loads: readonly number[];
  readonly requests: number;
  /** Null where the engine did not tell its steps. */
  readonly steps: { readonly equal: number; readonly all: number } | null;
  /** Median error of a request's end-to-end time, least and largest over the loads. */
  readonly e2eMedianError: readonly [number, number];
  /** Bias of the end-to-end time, least and largest over the loads. */
  readonly e2eBias: readonly [number, number];
}

/** The part of the file that is read. */
interface ValidationFile {
  readonly schema: string;
  readonly measuredAt: string;
  readonly target: { readonly kind: string; readonly backend?: string; readonly model: string };
  readonly loads: readonly {
    readonly load: number;
    readonly requests: number;
    readonly scheduler: { readonly steps: number; readonly equalSteps: number } | null;
    readonly e2eSeconds: { readonly medianError: number; readonly bias: number };
  }[];
}

/** Null where none was done, or its file cannot be read. */
export function standingValidation(path = STANDING): StandingValidation | null {
  let file: ValidationFile;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return null;
  }
  if (file?.schema !== "canopy/validation/1" || file.loads.length === 0) return null;
  const { target, loads } = file;
  const range = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  const steps = loads.flatMap(({ scheduler }) => scheduler ?? []);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    target:
      target.kind === "engine"
        ? `Canopy's own ${target.backend?.toUpperCase()} engine, model ${target.model}`
        : `a server of ${target.model}`,
    measuredAt: file.measuredAt,
    loads: loads.map(({ load }) => load),
    requests: sum(loads.map(({ requests }) => requests)),
    steps:
      steps.length === 0
        ? null
        : {
            equal: sum(steps.map(({ equalSteps }) => equalSteps)),
            all: sum(steps.map((each) => each.steps)),
          },
    e2eMedianError: range(loads.map(({ e2eSeconds }) => e2eSeconds.medianError)),
    e2eBias: range(loads.map(({ e2eSeconds }) => e2eSeconds.bias)),
  };
}
