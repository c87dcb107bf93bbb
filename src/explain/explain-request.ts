import { UserError } from "../errors.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { workloadOf } from "../experiment/shared-workload.ts";
import type { TaskOptions } from "../sweep/host/open-pool.ts";
import { train } from "../sweep/train.ts";
import { type ChosenRun, startText } from "./choose-run.ts";
import { watchRun } from "./watch-run.ts";
import type { WatchedRequest } from "./watched-request.ts";

/** What `canopy explain` says of a request. */
export interface RequestExplanation {
  readonly schema: "canopy/explanation/1";
  readonly experiment: string;
  readonly run: ExplainedRun;
  /** Endpoints in the order of the scores. */
  readonly endpoints: readonly { readonly name: string; readonly region: string; readonly model: string }[];
  /** Which latency the objective bounds, and from when it counts. */
  readonly latency: string;
  readonly clock: string;
  readonly request: WatchedRequest;
  readonly remarks: readonly string[];
}

export interface ExplainedRun {
  readonly key: string;
  readonly router: string;
  readonly point: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly start: string | null;
  readonly requests: number;
}

/**
 * Runs a run again and explains one of its requests.
 *
 * @param id number of the request in order of the workload, from 0: `request_id` of request records
 * @throws UserError CANOPY_EXPLAIN_REQUEST for a request that the run does not have
 */
export async function explainRequest(
  chosen: ChosenRun,
  id: number,
  inputs: SharedInputs,
): Promise<RequestExplanation> {
  const { plan, run, remarks } = chosen;
  const { requests } = workloadOf(run, inputs);
  checkId(id, requests);
  let found: WatchedRequest | undefined;
  const { fleet } = await watchRun(run, inputs, {
    wants: (other) => other === id,
    ended: (request) => {
      found = request;
    },
  });
  if (found === undefined) {
    throw new UserError(
      "CANOPY_EXPLAIN_REQUEST",
      `request ${id}: it did not arrive before the run was cut, expected one that did`,
    );
  }
  const { latency, clock } = inputs.points[run.point].experiment;
  return {
    schema: "canopy/explanation/1",
    experiment: plan.loaded.id,
    run: describeRun(chosen, requests),
    endpoints: fleet.endpoints.map(({ name, region, model }) => ({
      name,
      region: fleet.regions[region].name,
      model: fleet.models[model].name,
    })),
    latency,
    clock,
    request: found,
    remarks,
  };
}

export function describeRun({ run }: Pick<ChosenRun, "run">, requests: number): ExplainedRun {
  const { key, router, labels, seed, start } = run;
  const begins = start === null ? null : startText({ start });
  return { key, router: router.label, point: labels, seed, start: begins, requests };
}

/** @throws UserError CANOPY_EXPLAIN_REQUEST */
export function checkId(id: number, requests: number): void {
  if (id < requests) return;
  throw new UserError(
    "CANOPY_EXPLAIN_REQUEST",
    `request ${id}: the run has the requests 0 to ${requests - 1}`,
  );
}

/**
 * The inputs of a run with what its router has learned, which is read where an earlier run has left it, and trained and
 * kept there otherwise.
 *
 * @param folders that keep what was trained
 * @throws UserError where the training fails
 */
export async function trainedInputs(
  { plan, run }: ChosenRun,
  folders: readonly string[],
  options: TaskOptions,
): Promise<SharedInputs> {
  const wanted = plan.trainings
    .filter(({ key }) => key === run.router.training)
    .map((spec) => ({ spec, folders }));
  const { trained, failed } = await train(wanted, plan.inputs, options);
  for (const { code, message } of failed.values()) {
    throw new UserError(code, `training of ${run.router.label}: ${message}`, { exitCode: 1 });
  }
  return { ...plan.inputs, trained };
}
