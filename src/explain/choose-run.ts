import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { suggestion, UserError } from "../errors.ts";
import { type ExperimentPlan, expandExperiment } from "../experiment/expand.ts";
import { loadExperiment } from "../experiment/load.ts";
import type { RunSpec } from "../experiment/run-spec.ts";
import { findResult } from "../report/html/find-results.ts";
import type { Manifest } from "../report/manifest.ts";
import { experimentPath, setsOf } from "../report/reproduction/catalogue.ts";
import { isPointNamed, listed, pointText } from "../report/result-names.ts";
import { inputsOf } from "../report/write-result.ts";
import { isoTime } from "../signal/series.ts";

/** Which run of an experiment is meant; what is not said is the only one there is, of seeds and starts the first. */
export interface RunChoice {
  readonly sets: readonly string[];
  readonly router?: string | undefined;
  readonly seed?: number | undefined;
  /** Beginning of the start's ISO time. */
  readonly start?: string | undefined;
  /** The point in words, as tables have it, or its name. */
  readonly point?: string | undefined;
  /** Beginning of the run's key. */
  readonly only?: string | undefined;
}

export interface ChosenRun {
  readonly plan: ExperimentPlan;
  readonly run: RunSpec;
  /** What differs from what the result was made with. */
  readonly remarks: readonly string[];
}

/**
 * Finds the run that a user names: by an experiment file, or by a folder that `canopy run --out` has written, whose
 * experiment is planned again.
 *
 * @throws UserError CANOPY_EXPLAIN_RUN where several runs are meant or none, CANOPY_EXPLAIN_CHANGED where the experiment of
 *   a result is another one by now
 */
export async function chooseRun(place: string, choice: RunChoice): Promise<ChosenRun> {
  const kind = await stat(place).catch(() => undefined);
  const isResult = kind?.isDirectory() === true || basename(place) === "result.json";
  const { plan, remarks } = isResult
    ? await planOfResult(place, choice)
    : { plan: await planOf(place, choice.sets), remarks: [] };
  return { plan, run: selectRun(plan, choice), remarks };
}

async function planOf(file: string, sets: readonly string[]): Promise<ExperimentPlan> {
  return expandExperiment(await loadExperiment(file, { sets }));
}

async function planOfResult(
  place: string,
  { sets }: RunChoice,
): Promise<Pick<ChosenRun, "plan" | "remarks">> {
  const { folder, manifest, result } = await findResult(place);
  const { provenance } = result;
  if (sets.length > 0) {
    throw new UserError(
      "CANOPY_USAGE",
      `${folder} is a result, whose runs have their overrides; --set goes with an experiment file, here ${provenance.files[0]}`,
    );
  }
  if (manifest === null || manifest.command[1] !== "run") {
    throw new UserError(
      "CANOPY_RESULT_FORMAT",
      `${folder}: no manifest of canopy run, expected a folder that canopy run --out has written`,
    );
  }
  const file = experimentPath({ id: folder, file: provenance.files[0] });
  const plan = await planOf(file, setsOf(manifest.command));
  const keys = new Set(plan.points.map(({ key }) => key));
  const isSame = provenance.points.every(({ inputs }) => keys.has(inputs));
  if (!isSame) await refuseChanged(folder, file, manifest, plan);
  const { code, node } = plan.environment;
  const remarks = [
    ...(provenance.code === code
      ? []
      : [
          `the result was made by code ${provenance.code.slice(0, 12)}, this is ${code.slice(0, 12)}: figures may differ`,
        ]),
    ...(provenance.node === node ? [] : [`the result was made on Node ${provenance.node}, this is ${node}`]),
  ];
  return { plan, remarks };
}

/** A later version may name the same inputs otherwise; files that are not what they were make another run. */
async function refuseChanged(
  folder: string,
  file: string,
  manifest: Manifest,
  plan: ExperimentPlan,
): Promise<void> {
  const now = new Set((await inputsOf(plan)).map(({ role, sha256 }) => `${role} ${sha256}`));
  const changed = manifest.inputs.find(({ role, sha256 }) => !now.has(`${role} ${sha256}`));
  if (changed === undefined) return;
  throw new UserError(
    "CANOPY_EXPLAIN_CHANGED",
    `${folder}: the ${changed.role} ${changed.name} is not what it was when the result was made, expected the same inputs; name the experiment file, ${file}, to explain a run of today's`,
  );
}

function selectRun({ runs, loaded }: ExperimentPlan, choice: RunChoice): RunSpec {
  const { only, point, router, seed, start } = choice;
  if (only !== undefined) return runOfKey(runs, only);
  const refuse = (what: string): never => {
    throw new UserError("CANOPY_EXPLAIN_RUN", `${loaded.source}: ${what}`);
  };
  // A point of several axes has commas in its name.
  const places = [...new Set(runs.map(({ labels }) => pointText(labels)))];
  const ofPoint = point === undefined ? runs : runs.filter(({ labels }) => isPointNamed(labels, point));
  if (ofPoint.length === 0) {
    const isOnly = places.length === 1 && places[0] === "";
    refuse(
      `no point ${point}${isOnly ? ": it has one point, expected no --point" : suggestion(`${point}`, places)}`,
    );
  }
  if (new Set(ofPoint.map(({ planned }) => planned)).size > 1) {
    refuse(
      `it has several points, name one by --point: ${texts(ofPoint.map(({ labels }) => pointText(labels)))}`,
    );
  }
  const labels = [...new Set(ofPoint.map((run) => run.router.label))];
  if (router === undefined && labels.length > 1) {
    refuse(`it has several routers, name one by --router: ${labels.join(", ")}`);
  }
  const ofRouter = router === undefined ? ofPoint : ofPoint.filter((run) => run.router.label === router);
  if (ofRouter.length === 0) refuse(`no router ${router}${suggestion(`${router}`, labels)}`);
  const ofSeed = ofRouter.filter((run) => run.seed === (seed ?? ofRouter[0].seed));
  if (ofSeed.length === 0)
    refuse(`no seed ${seed}, expected one of: ${listed(ofRouter.map((run) => `${run.seed}`))}`);
  const ofStart =
    start === undefined
      ? ofSeed
      : ofSeed.filter((run) => run.start !== null && isoTime(run.start).startsWith(start));
  if (ofStart.length === 0)
    refuse(`no run starts at ${start}, expected one of: ${texts(ofSeed.map(startText))}`);
  return ofStart[0];
}

function runOfKey(runs: readonly RunSpec[], only: string): RunSpec {
  const found = runs.filter(({ key }) => key.startsWith(only));
  const [first] = found;
  if (new Set(found.map(({ key }) => key)).size === 1) return first;
  throw new UserError(
    "CANOPY_RUN_UNKNOWN",
    found.length === 0
      ? `--only ${only}: no run has a key that begins so; it changes with the inputs, the code and the version of Node`
      : `--only ${only}: ${found.length} runs have a key that begins so, give more of it`,
  );
}

/** The time at which a run begins in the calendar of its signals. */
export function startText({ start }: Pick<RunSpec, "start">): string {
  return start === null ? "no calendar" : isoTime(start);
}

function texts(words: readonly string[]): string {
  const all = [...new Set(words)];
  return all.length > 12 ? [...all.slice(0, 12), "…"].join("; ") : all.join("; ");
}
