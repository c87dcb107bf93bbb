/** Trainings of a plan: which routers need one, on which requests, and the key that names it. */
import { suggestion, UserError } from "../errors.ts";
import type { RouterDefinition } from "../routers/contract.ts";
import { hashOfJson } from "./canonical-json.ts";
import type { ExperimentPoint } from "./load.ts";
import type { RouterSpec, TrainingSpec } from "./run-spec.ts";
import type { Experiment } from "./schema.ts";
import { parseInstant } from "./schema-parts.ts";
import type { TrainingConfig } from "./training-schema.ts";
import type { WorkloadConfig } from "./workload-schema.ts";

/**
 * Whether a router has to be trained: it learns, and no file gives what it would.
 *
 * @param where place for messages
 * @throws UserError CANOPY_TRAINING_MISSING where the experiment has no `training`, CANOPY_EXPERIMENT_VALUE for a file
 *   that is none of the router's artefacts
 */
export function needsTraining(
  definition: RouterDefinition,
  { parameters, artefacts }: Pick<RouterSpec, "parameters" | "artefacts">,
  training: TrainingConfig | undefined,
  where: string,
): boolean {
  const learns = definition.training;
  if (learns === undefined) return false;
  for (const name of Object.keys(artefacts)) {
    if (learns.artefacts.includes(name)) continue;
    throw new UserError(
      "CANOPY_EXPERIMENT_VALUE",
      `${where}.artefacts: router ${definition.id} has no artefact "${name}"${suggestion(name, learns.artefacts)}`,
    );
  }
  const missing = learns.artefacts.filter((name) => !Object.hasOwn(artefacts, name));
  if (missing.length === 0 || learns.unneeded?.(parameters) === true) return false;
  if (training !== undefined) return true;
  throw new UserError(
    "CANOPY_TRAINING_MISSING",
    `${where}: router ${definition.id} needs ${missing.join(" and ")}, which it learns: expected training: { durationS: ... } in the experiment, or artefacts: { ${missing[0]}: FILE } beside the router`,
  );
}

/** The point with the training part of a trace cut away: evaluation starts after it. */
export function withoutTrainingPart(point: ExperimentPoint): ExperimentPoint {
  const { experiment } = point;
  const { workload, training } = experiment;
  if (training?.durationS === undefined || !("trace" in workload)) return point;
  const fromS = (workload.fromS ?? 0) + training.durationS;
  return { ...point, experiment: { ...experiment, workload: { ...workload, fromS } } };
}

/**
 * The point whose requests are those to train on.
 *
 * @param point with its trace whole, as the file gives it
 */
export function trainingPoint(point: ExperimentPoint, training: TrainingConfig): ExperimentPoint {
  const { warmup: _, ...experiment } = point.experiment;
  const { signals } = experiment;
  const changed: Experiment = {
    ...experiment,
    workload: trainingWorkload(experiment.workload, training),
    signals: { ...signals, carbon: { ...signals.carbon, ...training.carbon } },
    end: "drain",
    horizon: "auto",
    outputs: { ...experiment.outputs, figures: [], breakdowns: [], windows: [] },
  };
  return { ...point, experiment: changed };
}

function trainingWorkload(
  workload: WorkloadConfig,
  { durationS, requests, regimes }: TrainingConfig,
): WorkloadConfig {
  const { requests: _, durationS: __, ...rest } = workload;
  const length = {
    ...(durationS === undefined ? {} : { durationS }),
    ...(requests === undefined ? {} : { requests }),
  };
  if ("trace" in rest) return { ...rest, repeat: 1, ...length };
  if (!("sessions" in rest)) return { ...rest, ...length, ...(regimes === undefined ? {} : { regimes }) };
  const { count: ___, ...sessions } = rest.sessions;
  return { ...rest, ...length, sessions };
}

/** When training begins, in the calendar of the signals. */
export function trainingStart({ start }: TrainingConfig, starts: readonly (number | null)[]): number | null {
  return start === undefined ? starts[0] : (parseInstant(start) ?? null);
}

/**
 * The training of a router.
 *
 * @param requests point, requests and start of the training run
 * @param code hash of the router's file, null for a registered one
 */
export function trainingSpec(
  definition: RouterDefinition,
  router: RouterSpec,
  requests: Pick<TrainingSpec, "point" | "workload" | "seed" | "start">,
  environment: unknown,
  code: string | readonly string[] | null,
): TrainingSpec {
  const { training } = definition;
  if (training === undefined) throw new Error(`router ${definition.id} has no training`);
  const { parameters, artefacts } = router;
  const { point, workload, seed, start } = requests;
  const key = hashOfJson({
    schema: "canopy/training/1",
    point,
    workload,
    seed,
    start,
    name: training.name ?? definition.id,
    basis: training.basis === undefined ? parameters : training.basis(parameters),
    artefacts,
    code,
    environment,
  });
  return { key, router, artefacts: training.artefacts, point, workload, seed, start };
}
