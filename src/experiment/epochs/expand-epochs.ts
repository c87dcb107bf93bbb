/** From a checked experiment with planners to its plan of runs: planner x point x seed x start. */
import { resolve } from "node:path";
import { UserError } from "../../errors.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import { isDefinitionFile } from "../../routers/load-definition.ts";
import { loadPlanner } from "../../routers/load-planner.ts";
import type { PlannerDefinition } from "../../routers/planner-contract.ts";
import { findPlanner, parsePlannerParameters } from "../../routers/planner-registry.ts";
import { hashOfJson } from "../canonical-json.ts";
import { codeHash } from "../code-hash.ts";
import { dataRoot } from "../data-path.ts";
import type { ExpandOptions } from "../expand.ts";
import type { ExperimentPoint, LoadedExperiment } from "../load.ts";
import { locationText, originAt, type PlainValue } from "../located-tree.ts";
import {
  at,
  directoryOf,
  emptyTables,
  type InputTables,
  once,
  readArtefacts,
  sharedInputs,
} from "../read-inputs.ts";
import type { DenseBackend, PointProvenance } from "../result.ts";
import { type RouterCode, routerCode } from "../router-code.ts";
import { plannerLabel } from "../router-label.ts";
import type { PlanPoint, RunEnvironment, RunPlan } from "../run-plan.ts";
import type { RouterSpec, RunSpec } from "../run-spec.ts";
import { type EpochPointInputs, settingOf } from "./epoch-inputs.ts";
import { epochProvenance } from "./epoch-provenance.ts";
import type { EpochExperiment } from "./epoch-schema.ts";
import { withCalls } from "./planner-calls.ts";
import { readSetting } from "./read-setting.ts";

type Point = ExperimentPoint<EpochExperiment>;

interface PlannedEpochs extends PlanPoint {
  readonly point: Point;
  readonly inputs: EpochPointInputs;
  /** By planner: what names the user's code, and whether it trains networks. */
  readonly makers: readonly { readonly code: RouterCode; readonly learned: boolean }[];
}

/**
 * Opens every file that the experiment names, makes every setting once, and lists the runs.
 *
 * @throws UserError with the place in the experiment file: traces, series, sites, planners and their parameters
 */
export async function expandEpochs(
  loaded: LoadedExperiment<EpochExperiment>,
  options: ExpandOptions = {},
): Promise<RunPlan> {
  const planner = createEpochPlanner(options);
  const points: PlanPoint[] = [];
  const runs: RunSpec[] = [];
  const provenance: PointProvenance[] = [];
  for (const point of loaded.points) {
    const own = await planner.plan(point, points.length);
    points.push(own.planned);
    runs.push(...own.runs);
    provenance.push(own.provenance());
  }
  const { inputs, environment, dense } = planner;
  return {
    kind: "epochs",
    loaded,
    points,
    runs,
    trainings: [],
    inputs,
    environment,
    provenance,
    ...(dense === undefined ? {} : { dense }),
  };
}

/** Plans points with planners one at a time; what they share is read once. */
export interface EpochPointPlanner extends Pick<RunPlan, "environment" | "inputs"> {
  /** Of this machine, once a planner that learns was planned. */
  readonly dense: DenseBackend | undefined;
  /**
   * @param place of the point in the plan
   * @throws UserError as {@link expandEpochs}
   */
  plan(
    point: Point,
    place: number,
  ): Promise<{ planned: PlanPoint; runs: readonly RunSpec[]; provenance: () => PointProvenance }>;
}

export function createEpochPlanner(options: ExpandOptions = {}): EpochPointPlanner {
  const environment = options.environment ?? { code: codeHash(), node: process.version };
  const root = options.dataRoot === undefined ? dataRoot() : (options.dataRoot ?? undefined);
  const tables = emptyTables(root);
  let dense: DenseBackend | undefined;
  return {
    environment,
    get inputs() {
      return sharedInputs(tables);
    },
    get dense() {
      return dense;
    },
    plan: async (point, place) => {
      const planned = await planPoint(point, tables);
      if (planned.makers.some(({ learned }) => learned)) dense ??= denseOfThisMachine();
      return {
        planned,
        runs: planRuns(planned, place, dense, environment),
        provenance: () => epochProvenance(planned.key, point, planned.inputs),
      };
    },
  };
}

function denseOfThisMachine(): DenseBackend {
  const { backend, isa } = chooseDense();
  return { backend, isa };
}

async function planPoint(point: Point, tables: InputTables): Promise<PlannedEpochs> {
  const inputs = await readSetting(point, tables);
  const { experiment, ...content } = inputs;
  const { setting, objective } = experiment;
  const key = hashOfJson({
    schema: "canopy/epochs/1",
    ...plain(content),
    // What is read from files stands there by its content.
    setting: { ...setting, requests: null },
    objective,
    kept: keptSeries(experiment),
  });
  tables.epochPoints[key] = inputs;
  // Sites on which a model does not fit, a site without a price, a horizon that there is not.
  for (const start of inputs.starts) {
    await at(point, ["sites"], () => settingOf(inputs, { seed: experiment.seeds[0], start }));
  }
  const routers: RouterSpec[] = [];
  const makers: { code: RouterCode; learned: boolean }[] = [];
  for (const i of experiment.planners.keys()) {
    const { definition, spec } = await planPlanner(point, i, inputs, tables);
    routers.push(spec);
    makers.push({
      code: await once(tables.seen, `code ${spec.file}`, () => routerCode(spec)),
      learned: definition.learned === true,
    });
  }
  return { key, point, inputs, routers, makers };
}

async function planPlanner(
  point: Point,
  index: number,
  inputs: EpochPointInputs,
  tables: InputTables,
): Promise<{ definition: PlannerDefinition; spec: RouterSpec }> {
  const { experiment } = point;
  const config = experiment.planners[index];
  const path = ["planners", index];
  const where = locationText(originAt(point.tree, path), path);
  const file = isDefinitionFile(config.planner) ? resolve(directoryOf(point, path), config.planner) : null;
  const definition =
    file === null ? findPlanner(config.planner, where) : await at(point, path, () => loadPlanner(file));
  const given = withCalls(definition, config.parameters, experiment.calls);
  const parameters = parsePlannerParameters(definition, given, where);
  const stray = Object.keys(config.artefacts).find((name) => !(definition.artefacts ?? []).includes(name));
  if (stray !== undefined) {
    const known = definition.artefacts ?? [];
    throw new UserError(
      "CANOPY_ROUTER_PARAMETER",
      `${where}: planner ${definition.id} has no artefact "${stray}"${known.length === 0 ? "" : `, expected ${known.join(", ")}`}`,
    );
  }
  const artefacts = await readArtefacts(point, path, config.artefacts, tables);
  // A checkpoint of another shape, and a file that makes no planner, show when the planner is made.
  if (file !== null || Object.keys(artefacts).length > 0) {
    const { world } = settingOf(inputs, { seed: experiment.seeds[0], start: inputs.starts[0] });
    await at(point, path, () => {
      definition.create(parameters, {
        world,
        seed: experiment.seeds[0],
        artefacts: new Map(Object.entries(artefacts).map(([name, key]) => [name, tables.artefacts[key]])),
      });
    });
  }
  const spec: RouterSpec = {
    label: plannerLabel(config),
    id: definition.id,
    file,
    parameters: parameters as Record<string, PlainValue>,
    artefacts,
    training: null,
    backend: null,
    about: {
      family: definition.family,
      group: definition.group,
      status: definition.status,
      source: definition.source,
      clairvoyant: false,
      ablationOf: definition.ablationOf ?? null,
    },
  };
  return { definition, spec };
}

function planRuns(
  { key, point, inputs, routers, makers }: PlannedEpochs,
  planned: number,
  dense: DenseBackend | undefined,
  environment: RunEnvironment,
): RunSpec[] {
  const { seeds, calls } = point.experiment;
  const runs: RunSpec[] = [];
  for (const seed of seeds) {
    for (const start of inputs.starts) {
      for (const [r, router] of routers.entries()) {
        const { id, parameters, artefacts } = router;
        const { code, learned } = makers[r];
        const kernels = learned ? dense : null;
        const content = { key, seed, start, id, parameters, artefacts, calls, code, kernels, environment };
        runs.push({
          key: hashOfJson(content),
          point: key,
          labels: point.labels,
          planned,
          router,
          seed,
          start,
          workload: "",
        });
      }
    }
  }
  return runs;
}

/** What figures show of single epochs, which a run then has to keep. */
export function keptSeries({ outputs }: EpochExperiment): {
  readonly epochs: boolean;
  readonly arrivals: boolean;
} {
  const kinds = outputs.figures.map(({ kind }) => kind);
  return { epochs: kinds.includes("epochs"), arrivals: kinds.includes("arrivals") };
}

/** Typed arrays as lists, for hashing. */
function plain(content: Omit<EpochPointInputs, "experiment">): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(content, (_, value: unknown) =>
      value instanceof Float64Array ? Array.from(value) : value === Number.POSITIVE_INFINITY ? "inf" : value,
    ),
  ) as Record<string, unknown>;
}
