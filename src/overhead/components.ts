/** Parts that routers and planners rest on, timed by themselves. */
import { drawArrivals, syntheticShape } from "../datacenter/arrivals.ts";
import { boundByHighs } from "../datacenter/bound-by-highs.ts";
import { setConditions } from "../datacenter/conditions.ts";
import { EpochModel } from "../datacenter/epoch-model.ts";
import { emptyState } from "../datacenter/epoch-state.ts";
import { EwmaSlopePredictor, type Predictor } from "../datacenter/predictor.ts";
import type { TrainedArtefacts } from "../experiment/run-spec.ts";
import { decodePredictor } from "../learning/cost-predictor/predictor-file.ts";
import { chooseDense } from "../learning/dense/choose-dense.ts";
import { NeuralPredictor } from "../learning/forecast/neural-predictor.ts";
import { makeBatch } from "../learning/replay/batch.ts";
import { ReplayBuffer } from "../learning/replay/replay-buffer.ts";
import { Sac } from "../learning/sac/sac.ts";
import { quantileOf } from "../numeric/quantile.ts";
import { Stream } from "../numeric/random.ts";
import { PREDICTOR } from "../routers/caps/training-router.ts";
import { featureCount } from "../routers/marlin/features.ts";
import { marlinParameters } from "../routers/marlin/parameters.ts";
import { type Clock, processorMilliseconds, readerOf } from "./clocks.ts";
import { planSites } from "./plan-setting.ts";
import type { ComponentRow } from "./result.ts";

const SITES = [4, 8, 12, 32];
const MODELS = 2;
const GOALS = 4;

export interface ComponentTask {
  /** Forecasts alone, which planners rest on; else everything. */
  readonly only: "forecasts" | null;
  readonly quick: boolean;
  /** What the trainings left; CAPS's predictor is among it where CAPS is. */
  readonly trained: readonly TrainedArtefacts[];
  /** Task types of the setting, in their order. */
  readonly taskTypes: readonly string[];
}

/** Times the components; each row is reported as it is found. */
export async function measureComponents(
  task: ComponentTask,
  report: (row: ComponentRow) => void,
): Promise<void> {
  const { only, quick } = task;
  const sites = quick ? SITES.slice(0, 1) : SITES;
  if (only === null) {
    for (const count of sites) sacRows(count, quick).forEach(report);
    predictorRows(task).forEach(report);
  }
  forecastRows(quick).forEach(report);
  if (only === null) for (const count of sites) report(await highsRow(count, quick));
}

/** MARLIN's learner: an action of one state, and an update by a batch. */
function sacRows(sites: number, quick: boolean): ComponentRow[] {
  const { actorHidden, criticHidden, batch: rows } = marlinParameters.parse({});
  const shape = {
    state: featureCount(MODELS, sites),
    action: MODELS * sites,
    goal: GOALS,
    metrics: GOALS,
  };
  const dense = chooseDense();
  const agent = new Sac(
    dense,
    {
      ...{ stateSize: shape.state, actionSize: shape.action, goalSize: shape.goal },
      ...{ actorHidden, criticHidden, centredGroup: sites },
    },
    1,
  );
  const random = new Stream(1, "overhead components");
  const draw = (length: number) => Float32Array.from({ length }, () => random.uniform());
  const buffer = new ReplayBuffer(shape, 1024);
  for (let k = 0; k < 1024; k++) {
    buffer.push({
      state: draw(shape.state),
      action: draw(shape.action),
      reward: -random.uniform(),
      nextState: draw(shape.state),
      done: false,
      goal: draw(shape.goal),
      metrics: draw(shape.metrics),
    });
  }
  const batch = makeBatch(shape, rows);
  const state = draw(shape.state);
  const goal = draw(shape.goal);
  const action = new Float32Array(shape.action);
  const size = `${sites} sites: state ${shape.state}, ${shape.action} actions, actor ${actorHidden.join("-")}, ${dense.backend}`;
  return [
    timed("SAC actor, one action", size, quick, () => agent.act("mean", state, goal, 1, action)),
    timed("SAC training step", `${size}, batch ${rows}, critics ${criticHidden.join("-")}`, quick, () => {
      buffer.sample(random, rows, batch);
      agent.update(batch);
    }),
  ];
}

/** What a loop over epochs does for the forecast of one model: learn of a count, forecast the next. */
function forecastRows(quick: boolean): ComponentRow[] {
  const dense = chooseDense();
  const { epochs, models, counts } = drawArrivals(syntheticShape(1), [1], 1);
  const forecasts: readonly (readonly [string, string, Predictor])[] = [
    ["Forecast, level and slope", "window 8", new EwmaSlopePredictor()],
    ["Forecast, small network", `8-16-1, 8 steps of 32, ${dense.backend}`, new NeuralPredictor({ seed: 1 })],
  ];
  return forecasts.map(([component, size, predictor]) => {
    let epoch = 0;
    return timed(component, size, quick, () => {
      predictor.observe(counts[(epoch++ % epochs) * models]);
      predictor.predict();
    });
  });
}

function predictorRows({ quick, trained, taskTypes }: ComponentTask): ComponentRow[] {
  const bytes = trained.map((artefacts) => artefacts[PREDICTOR]).find((found) => found !== undefined);
  if (bytes === undefined) {
    const reason = "no router was measured that trains a predictor";
    return [unknown("CAPS's predictor", "", reason)];
  }
  const { predictor } = decodePredictor(bytes, PREDICTOR, taskTypes);
  const row = new Float64Array(predictor.names.all.length).fill(1);
  // Prompts of other lengths: the walk through the trees is another each time.
  let turn = 0;
  const next = () => {
    row[0] = 16 + ((turn * 997) % 4096);
    row[1] = Math.log1p(row[0]);
    turn++;
  };
  const rows = [
    timed("CAPS's predictor, output length", `${predictor.length.trees.length} trees`, quick, () => {
      next();
      predictor.outputTokens(row);
    }),
  ];
  if (predictor.risk === undefined) return rows;
  const risk = timed(
    "CAPS's predictor, risk at three pools",
    `${predictor.risk.trees.length} trees`,
    quick,
    () => {
      next();
      predictor.placePrompt(row);
      for (let pool = 0; pool < 3; pool++) predictor.missProbabilityAt(row);
    },
  );
  return [...rows, risk];
}

/** The linear programme of a MARLIN epoch, one row for each model. */
async function highsRow(sites: number, quick: boolean): Promise<ComponentRow> {
  const component = "HiGHS, linear programme of an epoch";
  const { world, conditions, arrivals, history } = await planSites(sites, 1);
  const model = new EpochModel(world);
  const state = emptyState(world, arrivals.epochSeconds);
  setConditions(conditions, 0, state);
  for (let v = 0; v < MODELS; v++) state.expectedRequests[v] = arrivals.counts[history * MODELS + v];
  const weights = [0.25, 0.25, 0.25, 0.25];
  const times: number[] = [];
  const end = performance.now() + (quick ? 50 : 1000);
  while (times.length < 6 || performance.now() < end) {
    const start = processorMilliseconds();
    await boundByHighs(model, state, weights);
    times.push(processorMilliseconds() - start);
  }
  return known(component, `${sites} sites, ${MODELS} models`, times);
}

function timed(
  component: string,
  size: string,
  quick: boolean,
  call: () => void,
  clock: Clock = "wall",
): ComponentRow {
  const milliseconds = quick ? 20 : 500;
  const warmUntil = performance.now() + milliseconds;
  while (performance.now() < warmUntil) call();
  const read = readerOf(clock);
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  while (times.length < 6 || performance.now() < end) {
    const start = read();
    call();
    times.push(read() - start);
  }
  return known(component, size, times);
}

/** @param times the first is left out: what is made once is made in it */
function known(component: string, size: string, times: readonly number[]): ComponentRow {
  const later = times.slice(1);
  return {
    component,
    size,
    p50Microseconds: 1000 * quantileOf(later, 0.5),
    p99Microseconds: 1000 * quantileOf(later, 0.99),
    samples: later.length,
    reason: null,
  };
}

function unknown(component: string, size: string, reason: string): ComponentRow {
  return { component, size, p50Microseconds: null, p99Microseconds: null, samples: 0, reason };
}
