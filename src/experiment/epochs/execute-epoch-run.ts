import { type BoundOverEpochs, boundOverEpochs } from "../../datacenter/bound-over-epochs.ts";
import { checkPlan } from "../../datacenter/check-plan.ts";
import { EpochModel, METRICS } from "../../datacenter/epoch-model.ts";
import type { EpochState } from "../../datacenter/epoch-state.ts";
import { EwmaSlopePredictor, type Predictor, pretrainWeight } from "../../datacenter/predictor.ts";
import type { Setting } from "../../datacenter/setting.ts";
import {
  type EpochPlanner,
  type SimulateEpochsOptions,
  simulateEpochs,
} from "../../datacenter/simulate-epochs.ts";
import { UserError } from "../../errors.ts";
import { NeuralPredictor } from "../../learning/forecast/neural-predictor.ts";
import { isEpochMetric } from "../../metrics/epoch-metrics.ts";
import { nonDominated, thinFront } from "../../numeric/pareto.ts";
import { loadPlanner } from "../../routers/load-planner.ts";
import { createPlanner, findPlanner } from "../../routers/planner-registry.ts";
import { keepCheckpoint } from "../keep-checkpoint.ts";
import type { RunResult, RunSpec } from "../run-spec.ts";
import type { SharedInputs } from "../shared-inputs.ts";
import { type EpochPointInputs, settingOf } from "./epoch-inputs.ts";
import { epochMetrics, epochSeries, type Judged } from "./epoch-metrics.ts";
import { keptSeries } from "./expand-epochs.ts";
import { writeArchives } from "./hypervolumes.ts";
import { callLimit } from "./planner-calls.ts";

/**
 * Runs one planner over the horizon of its point, and judges it. The result depends on the run and its inputs alone,
 * but for the two figures that are times of this machine.
 *
 * @throws UserError from a planner's file or parameters, a plan that is none, or learning that diverges
 */
export async function executeEpochRun(spec: RunSpec, shared: SharedInputs): Promise<RunResult> {
  const inputs = shared.epochPoints[spec.point];
  const { setting: config, objective, calls } = inputs.experiment;
  const { file, id, label, parameters } = spec.router;
  const definition = file === null ? findPlanner(id) : await loadPlanner(file);
  const start = spec.start as number;
  const setting = settingOf(inputs, {
    seed: spec.seed,
    start,
    ...(definition.loop?.prewarm === undefined ? {} : { prewarm: definition.loop.prewarm }),
  });
  const weights = scaled(objective.weights);
  const bound = await knownBound(spec, () =>
    boundOverEpochs(setting, { weights, beyondCapacity: objective.beyondCapacity }),
  );
  const artefacts = new Map(
    Object.entries(spec.router.artefacts).map(([name, key]) => [name, shared.artefacts[key]] as const),
  );
  const planner = createPlanner(
    definition,
    parameters,
    { world: setting.world, seed: spec.seed, artefacts },
    label,
  );
  const archives = new Archives(planner, setting, bound, objective);
  const limit = callLimit(parameters, calls);
  const result = keepCheckpoint(shared, spec.key, () =>
    simulateEpochs({
      ...setting,
      planner: archives.watched,
      ...forecastOf(definition.loop?.forecast ?? config.forecast, config, setting, spec.seed),
      ...(limit === undefined ? {} : { callLimit: limit }),
      details: true,
    }),
  );
  const kept = keptSeries(inputs.experiment);
  const judged: Judged = { result, setting, bound, weights };
  const { metrics, reasons } = epochMetrics(judged);
  for (const [name, value] of Object.entries(planner.figures?.() ?? {})) {
    if (isEpochMetric(name)) {
      throw new UserError(
        "CANOPY_ROUTER_FIGURE",
        `planner ${id}: its figure "${name}" has the name of a metric of every run, expected another`,
      );
    }
    metrics[name] = Number.isFinite(value) ? value : null;
    if (!Number.isFinite(value)) reasons[name] = `the planner reports ${value}`;
  }
  return {
    key: spec.key,
    metrics,
    reasons,
    percentiles: { quantiles: [], ttft: [], e2e: [] },
    placements: null,
    timeline: null,
    epochs: {
      archives: writeArchives(archives.epochs),
      series: kept.epochs || kept.arrivals ? epochSeries(judged, kept.arrivals) : null,
    },
    provenance: "modelled",
    rejections: {},
    notes: boundNotes(bound, objective),
  };
}

/** Keeps the plans that a planner found, judged by true requests. */
class Archives {
  /** Metrics over those of even shares of the same epoch; the chosen plan first. */
  readonly epochs: Float64Array[][] = [];
  readonly watched: EpochPlanner;
  readonly #planner: EpochPlanner;
  readonly #model: EpochModel;
  readonly #bound: BoundOverEpochs;
  readonly #objective: EpochPointInputs["experiment"]["objective"];

  constructor(
    planner: EpochPlanner,
    { world }: Setting,
    bound: BoundOverEpochs,
    objective: EpochPointInputs["experiment"]["objective"],
  ) {
    this.#planner = planner;
    this.#model = new EpochModel(world);
    this.#bound = bound;
    this.#objective = objective;
    this.watched = {
      name: planner.name,
      plan: (state, budget, plan) => planner.plan(state, budget, plan),
      observe: (state, plan, metrics) => {
        if (state.epoch % objective.archiveEvery === 0) this.#keep(state, plan);
        planner.observe?.(state, plan, metrics);
      },
    };
  }

  #keep(state: EpochState, plan: Float64Array): void {
    // Each plan would have had its own nodes loaded: none of them waits for weights.
    const judged = { ...state, nodesWarm: null };
    const relative = (one: Float64Array) => {
      const metrics = new Float64Array(METRICS.length);
      this.#model.evaluate(judged, one, metrics);
      return metrics.map((value, j) => value / this.#bound.uniform[state.epoch * METRICS.length + j]);
    };
    const chosen = relative(plan);
    const others = (this.#planner.archive?.() ?? []).map((found) => {
      checkPlan(this.#model.world, `${this.#planner.name}, a plan of its archive`, state.epoch, found.plan);
      return relative(found.plan);
    });
    const front = nonDominated(others).map((i) => others[i]);
    const kept = thinFront(front, Math.max(0, this.#objective.archiveSize - 1)).map((i) => front[i]);
    // An epoch without requests has nothing to compare.
    const plans = [chosen, ...kept].filter((metrics) => metrics.every(Number.isFinite));
    if (plans.length > 0) this.epochs.push(plans);
  }
}

/** Bounds of the settings that this thread saw last: every planner of a point has the same. */
const bounds = new Map<string, Promise<BoundOverEpochs>>();
const KEPT_BOUNDS = 16;

function knownBound(
  { point, seed, start }: RunSpec,
  make: () => Promise<BoundOverEpochs>,
): Promise<BoundOverEpochs> {
  const key = `${point} ${seed} ${start}`;
  let bound = bounds.get(key);
  if (bound === undefined) {
    bound = make();
    const [oldest] = bounds.keys();
    if (bounds.size >= KEPT_BOUNDS && oldest !== undefined) bounds.delete(oldest);
    bounds.set(key, bound);
  }
  return bound;
}

function forecastOf(
  kind: EpochPointInputs["experiment"]["setting"]["forecast"],
  { ewma }: EpochPointInputs["experiment"]["setting"],
  { arrivals, history }: Setting,
  seed: number,
): Pick<SimulateEpochsOptions, "forecast"> {
  if (kind === "persistence" || kind === "clairvoyant") return { forecast: kind };
  let model = 0;
  return {
    forecast: (): Predictor => {
      const own = model++ % arrivals.models;
      if (kind === "neural") return new NeuralPredictor({ seed: seed * arrivals.models + own });
      const prefix = Array.from({ length: history }, (_, e) => arrivals.counts[e * arrivals.models + own]);
      const weight = ewma.weight === "pretrained" ? pretrainWeight(prefix, ewma.window) : ewma.weight;
      return new EwmaSlopePredictor({ weight, window: ewma.window });
    },
  };
}

export function scaled(weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** What the bound is, and how near its own plans come to it. */
function boundNotes(
  { least, reached, relaxations }: BoundOverEpochs,
  { beyondCapacity }: EpochPointInputs["experiment"]["objective"],
): string[] {
  const gaps = METRICS.map((metric) => reached[metric] / least[metric] - 1).filter(Number.isFinite);
  const tight = gaps.length === 0 ? "" : `; its own plans come within ${powerOfTen(Math.max(...gaps))} of it`;
  return [
    `bounds are clairvoyant, epoch by epoch, over plans ${beyondCapacity ? "of any load" : "within capacity: a row that exceeds it can be below them"}, and relax ${relaxations.join(", ")}${tight}`,
  ];
}

/** The next power of ten above a share, so that runs whose bounds are about as near say the same. */
function powerOfTen(share: number): string {
  return share <= 1e-6
    ? "0.0001 %"
    : `${Number((100 * 10 ** Math.ceil(Math.log10(share))).toPrecision(1))} %`;
}
