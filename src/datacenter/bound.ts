/**
 * The least that any plan of an epoch can reach, in a single metric or a weighted sum: no plan, however found, is
 * below it. With true counts for expected ones it is the clairvoyant bound.
 *
 * The model is linear but for few things. Energy, and with it carbon, water and cost, is piecewise linear and convex in
 * the requests of a site and model, since nodes are filled in order of energy for a request; so is mean TTFT, but for
 * the order. The bound replaces what is not linear by less, and says which of it plays a part:
 * - `whole-nodes`: a node that is partly used counts as that part of one (always);
 * - `boot`: nodes leave off, and cold nodes load, for nothing;
 * - `p-states`: a node half used takes less than half the power of a full one, and every node is taken for such;
 * - `spread`: without consolidation, the lower convex hull of power over load and the least latency of each piece;
 * - `order`: fast nodes of a site that are filled late count as if they were used evenly with those before them (the
 *   lower convex hull of cost over requests), or, under limits, first;
 * - `fluid`: requests beyond rated capacity wait by the tangent of the fluid limit.
 */
import type { CapacityCell, EpochModel } from "./epoch-model.ts";
import type { EpochState } from "./epoch-state.ts";
import type { ItKwhPrices } from "./physics.ts";
import { type Latency, latencyAt } from "./service.ts";
import { pricesAtSite } from "./site-prices.ts";

export type Relaxation = "whole-nodes" | "boot" | "p-states" | "spread" | "order" | "fluid";

/** A stretch of requests of one model at one site, each with the same metrics. */
export interface BoundSegment {
  readonly site: number;
  readonly model: number;
  /** How many; infinite for what is beyond rated capacity. */
  readonly requests: number;
  /** By metric, for a request; TTFT over the number of all requests, so that the sum is the mean. */
  readonly metrics: readonly number[];
  readonly beyondCapacity: boolean;
}

/** An epoch without what is not linear. */
export interface LinearEpoch {
  /** Metrics of what is spent whatever the plan. */
  readonly constant: readonly number[];
  /** By site, model and the order in which nodes are filled. */
  readonly segments: readonly BoundSegment[];
  readonly relaxations: readonly Relaxation[];
  readonly requests: number;
}

export interface BoundOptions {
  /** Let requests exceed rated capacity, at a wait (default false: the least over plans that stay within it). */
  readonly beyondCapacity?: boolean;
}

export interface Bound {
  /** Least weighted sum of the metrics; infinite when the requests exceed the fleet and may not. */
  readonly value: number;
  /** A plan that reaches it but for what was relaxed. */
  readonly plan: Float64Array;
  readonly relaxations: readonly Relaxation[];
}

const JOULES_PER_KWH = 3.6e6;

/** The linear part of the model under a state. */
export function linearEpoch(model: EpochModel, state: EpochState): LinearEpoch {
  const { world } = model;
  const requests = state.expectedRequests.reduce((sum, value) => sum + value, 0);
  const constant = [0, 0, 0, 0];
  const segments: BoundSegment[] = [];
  const relaxations: Relaxation[] = ["whole-nodes"];
  const prices: ItKwhPrices = { carbonKg: 0, waterLitres: 0, usd: 0 };
  const cells = model.cells(state);
  for (let d = 0; d < state.sites; d++) {
    pricesAtSite(state, d, world.physics, prices);
    if (prices.carbonKg < 0 || prices.waterLitres < 0 || prices.usd < 0) {
      throw new RangeError(`site ${world.sites[d].name}: no bound where energy has a negative price`);
    }
    const perKwh = [0, prices.carbonKg, prices.waterLitres, prices.usd];
    for (let v = 0; v < state.models; v++) {
      const own = cells.filter((cell) => cell.site === d && cell.model === v);
      const pieces = world.consolidation ? packedPieces(model, own) : spreadPieces(model, state, own);
      for (let j = 1; j < 4; j++) constant[j] += pieces.constantKwh * perKwh[j];
      for (const piece of pieces.pieces) {
        segments.push({
          site: d,
          model: v,
          requests: piece.requests,
          metrics: perKwh.map((price, j) =>
            j === 0 ? piece.latencySeconds / requests : piece.kwhPerRequest * price,
          ),
          beyondCapacity: false,
        });
      }
      const last = pieces.last;
      const wait = state.seconds / 2 / (world.ttft === "paper" ? state.outputTokens[v] : 1);
      segments.push({
        site: d,
        model: v,
        requests: Number.POSITIVE_INFINITY,
        metrics: perKwh.map((price, j) =>
          j === 0 ? (last.latencySeconds + wait) / requests : last.kwhPerRequest * price,
        ),
        beyondCapacity: true,
      });
    }
  }
  if (world.consolidation ? midFactor(model) < 1 : true) {
    relaxations.push(world.consolidation ? "p-states" : "spread");
  }
  if (world.consolidation && state.nodesOn !== null) relaxations.push("boot");
  return { constant, segments, relaxations, requests };
}

/**
 * The bound of plans with a row for each model: each model's requests go to the cheapest stretches first, which is
 * the exact solution of the linear programme, since nodes serve one model and so models do not meet.
 *
 * @param weights of the four metrics, in 1 / unit: (1, 0, 0, 0) for TTFT alone
 * @throws RangeError for plans with rows by origin (see {@link boundByHighs}) or a negative weight
 */
export function boundByFilling(
  model: EpochModel,
  state: EpochState,
  weights: readonly number[],
  options: BoundOptions = {},
): Bound {
  const { world } = model;
  if (world.planRows !== "models") {
    throw new RangeError("boundByFilling: origins share the nodes of a site; use boundByHighs");
  }
  checkWeights(weights);
  const linear = linearEpoch(model, state);
  const stretches = pricedStretches(linear, weights, options.beyondCapacity ?? false);
  const means = model.meanNetworkSeconds;
  const plan = new Float64Array(model.planLength);
  const used = new Set<Relaxation>(linear.relaxations);
  let value = dot(weights, linear.constant);
  for (let v = 0; v < state.models; v++) {
    const all = state.expectedRequests[v];
    if (all === 0) {
      plan[v * state.sites] = 1;
      continue;
    }
    const network = (d: number) => (weights[0] * 2 * means[d]) / linear.requests;
    const own = stretches
      .filter((stretch) => stretch.model === v)
      .map((stretch) => ({ ...stretch, cost: stretch.cost + network(stretch.site) }))
      .sort((a, b) => a.cost - b.cost);
    let left = all;
    for (const stretch of own) {
      const part = Math.min(left, stretch.requests);
      if (part === 0) continue;
      value += part * stretch.cost;
      plan[v * state.sites + stretch.site] += part / all;
      left -= part;
      noteRelaxations(stretch, part, used);
    }
    if (left > 1e-9 * all) value = Number.POSITIVE_INFINITY;
  }
  return { value, plan, relaxations: [...used] };
}

/** Requests of a model at a site that cost alike, in order of growing cost. */
export interface PricedStretch {
  readonly site: number;
  readonly model: number;
  readonly requests: number;
  /** Of a request, without the network. */
  readonly cost: number;
  /** Stands for nodes of different cost that are filled dearest first. */
  readonly mixed: boolean;
  readonly beyondCapacity: boolean;
}

/** The lower convex hull of every site's and model's cost over requests, under weights of the metrics. */
export function pricedStretches(
  linear: LinearEpoch,
  weights: readonly number[],
  beyondCapacity: boolean,
): PricedStretch[] {
  const out: PricedStretch[] = [];
  let from = 0;
  for (const [place, segment] of linear.segments.entries()) {
    // Segments of a site and model stand together, the one beyond capacity last.
    if (!segment.beyondCapacity) continue;
    const limit = beyondCapacity ? dot(weights, segment.metrics) : Number.POSITIVE_INFINITY;
    const hull: PricedStretch[] = [];
    for (const inside of linear.segments.slice(from, place)) {
      const { site, model, requests } = inside;
      let next: PricedStretch = {
        site,
        model,
        requests,
        cost: dot(weights, inside.metrics),
        mixed: false,
        beyondCapacity: false,
      };
      for (let last = hull.at(-1); last !== undefined && last.cost > next.cost; last = hull.at(-1)) {
        hull.pop();
        const sum = last.requests + next.requests;
        const cost = (last.requests * last.cost + next.requests * next.cost) / sum;
        next = { ...next, requests: sum, cost, mixed: true };
      }
      hull.push(next);
    }
    for (const stretch of hull) {
      out.push(stretch.cost > limit ? { ...stretch, cost: limit, mixed: true } : stretch);
    }
    if (beyondCapacity) {
      const { site, model, requests } = segment;
      out.push({ site, model, requests, cost: limit, mixed: false, beyondCapacity: true });
    }
    from = place + 1;
  }
  return out;
}

/** Adds what was relaxed in taking `part` of a stretch. */
export function noteRelaxations(stretch: PricedStretch, part: number, used: Set<Relaxation>): void {
  if (part <= 0) return;
  if (stretch.beyondCapacity) used.add("fluid");
  if (stretch.mixed && part < stretch.requests * (1 - 1e-9)) used.add("order");
}

interface Piece {
  readonly requests: number;
  readonly kwhPerRequest: number;
  readonly latencySeconds: number;
}

interface Pieces {
  readonly constantKwh: number;
  readonly pieces: readonly Piece[];
  /** What a request beyond capacity takes, without its wait. */
  readonly last: Piece;
}

function packedPieces(model: EpochModel, cells: readonly CapacityCell[]): Pieces {
  const { world } = model;
  const { power, fill } = world;
  const factor = Math.min(1, midFactor(model));
  let constantKwh = 0;
  const pieces: Piece[] = [];
  let last: Piece | undefined;
  for (const [place, cell] of cells.entries()) {
    const rated = fill * world.nodeTypes[cell.type].laws[world.models[cell.model].name].replicas;
    const perSecond = rated * cell.service.requestsPerSecond;
    const kwh = world.nodeTypes[cell.type].tdpWatts / perSecond / JOULES_PER_KWH;
    const latencySeconds = latencyOf(model, cell, fill);
    if (cell.nodes > 0) {
      const seconds = cell.requests / (cell.nodes * perSecond);
      constantKwh +=
        (cell.nodes * power.off * world.nodeTypes[cell.type].tdpWatts * seconds) / JOULES_PER_KWH;
      pieces.push({
        requests: cell.requests,
        kwhPerRequest: kwh * (power.full - power.off) * factor,
        latencySeconds,
      });
    }
    if (cell.nodes > 0 || (last === undefined && place === cells.length - 1)) {
      last = { requests: 0, kwhPerRequest: kwh * power.full, latencySeconds };
    }
  }
  return { constantKwh, pieces, last: last as Piece };
}

/**
 * How much power for its load a node in `mid` takes at most favourable, over that of a full one: above 1, as with
 * the default states, filling nodes is the least.
 */
function midFactor(model: EpochModel): number {
  const { power, fill } = model.world;
  return (power.mid - power.off) / (power.full - power.off) / Math.min(1, power.midUpTo / fill);
}

/** Lower convex hull of (0, idle), (midUpTo, mid), (fill, full). */
function spreadPieces(model: EpochModel, state: EpochState, cells: readonly CapacityCell[]): Pieces {
  const { world } = model;
  const { power, fill } = world;
  let watts = 0;
  let requests = 0;
  for (const cell of cells) {
    watts += cell.nodes * world.nodeTypes[cell.type].tdpWatts;
    requests += cell.requests / fill;
  }
  const kwh = (watts * state.seconds) / JOULES_PER_KWH;
  const middle = Math.min(power.midUpTo, fill);
  const chord = power.idle + ((power.full - power.idle) * middle) / fill;
  const corners =
    middle >= fill
      ? [
          [0, power.idle],
          [fill, power.mid],
        ]
      : power.mid < chord
        ? [
            [0, power.idle],
            [middle, power.mid],
            [fill, power.full],
          ]
        : [
            [0, power.idle],
            [fill, power.full],
          ];
  const pieces: Piece[] = [];
  for (let i = 1; i < corners.length && requests > 0; i++) {
    const [from, low] = corners[i - 1];
    const [to, high] = corners[i];
    let latencySeconds = 0;
    for (const cell of cells) {
      latencySeconds += (cell.requests / fill / requests) * latencyOf(model, cell, from);
    }
    pieces.push({
      requests: (to - from) * requests,
      kwhPerRequest: (kwh * (high - low)) / ((to - from) * requests),
      latencySeconds,
    });
  }
  const end = cells[cells.length - 1];
  const type = world.nodeTypes[end.type];
  const perSecond = fill * type.laws[world.models[end.model].name].replicas * end.service.requestsPerSecond;
  const last = {
    requests: 0,
    kwhPerRequest: (type.tdpWatts * power.full) / perSecond / JOULES_PER_KWH,
    latencySeconds: latencyOf(model, end, fill),
  };
  return { constantKwh: kwh * power.idle, pieces, last };
}

const latency: Latency = { queueSeconds: 0, prefillSeconds: 0, stepSeconds: 0 };

/** The model's latency of a request but for the network: by equation 3, or queue and prefill. */
function latencyOf(model: EpochModel, cell: CapacityCell, load: number): number {
  latencyAt(cell.service, load, latency);
  const wait = latency.queueSeconds + latency.prefillSeconds;
  return model.world.ttft === "paper" ? wait / cell.service.outputTokens + latency.stepSeconds : wait;
}

export function checkWeights(weights: readonly number[]): void {
  if (weights.length === 4 && weights.every((weight) => weight >= 0 && Number.isFinite(weight))) return;
  throw new RangeError(`weights ${weights.join(", ")}: expected four numbers of at least 0`);
}

export function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
