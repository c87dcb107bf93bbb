/** A plan of runs, whatever is run: what the sweep, results and reports need of it. */
import type { ResultHead } from "./head-schema.ts";
import type { ExperimentPoint, LoadedExperiment } from "./load.ts";
import type { DenseBackend, PointProvenance } from "./result.ts";
import type { RouterSpec, RunSpec, TrainingSpec } from "./run-spec.ts";
import type { SharedInputs } from "./shared-inputs.ts";

/** What a result depends on beside its inputs. */
export interface RunEnvironment {
  readonly code: string;
  readonly node: string;
}

/** A point of a plan of either kind. */
export interface PlanPoint {
  /** Key of its content in the shared inputs. */
  readonly key: string;
  readonly point: ExperimentPoint<ResultHead>;
  readonly inputs: {
    /** With every default and override. */
    readonly experiment: object;
    readonly starts: readonly (number | null)[];
  };
  /** Routers or planners, in the order of the file. */
  readonly routers: readonly RouterSpec[];
}

export interface RunPlan {
  readonly kind: "requests" | "epochs";
  readonly loaded: Pick<LoadedExperiment, "id" | "source" | "files">;
  readonly points: readonly PlanPoint[];
  /** By point, then seed and start, then router: runs that share requests stand together. */
  readonly runs: readonly RunSpec[];
  /** What has to be trained before the runs that need it, each once. */
  readonly trainings: readonly TrainingSpec[];
  readonly inputs: SharedInputs;
  readonly environment: RunEnvironment;
  /** Of the points, in their order. */
  readonly provenance: readonly PointProvenance[];
  /** Dense kernels of this machine, where something that is run learns on them. */
  readonly dense?: DenseBackend;
}
