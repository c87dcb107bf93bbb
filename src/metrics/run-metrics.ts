import type { Fleet } from "../fleet/fleet.ts";
import { litresPerItJoule } from "../fleet/water-use.ts";
import type { EndpointTotals, RunTotals } from "../simulator/options.ts";
import { FLOOR_WINDOW } from "./accuracy-counter.ts";
import type { SummarySink } from "./summary-sink.ts";

export interface RunMetricsContext {
  readonly fleet: Fleet;
  /** Null where the experiment gives no series, or why the figures that need it are unknown. */
  readonly unknown: {
    readonly carbon: string | undefined;
    readonly water: string | undefined;
    readonly energyPrice: string | undefined;
    /** Name of an endpoint without a price. */
    readonly price: string | undefined;
    readonly tokenPrice: string | undefined;
  };
  /** Names of the task types, where answers are right or wrong. */
  readonly taskTypes: readonly string[];
  /** USD of a million prompt and output tokens, by endpoint. */
  readonly tokenPrices: readonly { readonly prompt: number; readonly output: number }[];
}

export interface RunMetrics {
  readonly metrics: Readonly<Record<string, number | null>>;
  /** Why a metric is null. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Writes metrics with the reasons of those that are unknown. */
class MetricWriter {
  readonly metrics: Record<string, number | null> = {};
  readonly reasons: Record<string, string> = {};

  /** `why` is the reason when the value is no finite number, or a reason it is unknown whatever the value. */
  put(name: string, value: number | null, why = "no value", unknown?: string): void {
    const known = unknown === undefined && value !== null && Number.isFinite(value);
    this.metrics[name] = known ? value : null;
    if (!known) this.reasons[name] = unknown ?? why;
  }
}

/**
 * Metrics of a run by the names of the catalogue (`metric-catalogue.ts`), in its order. What cannot be known is null
 * with a reason, never 0.
 *
 * @param sink of the run, closed
 */
export function runMetrics(totals: RunTotals, sink: SummarySink, context: RunMetricsContext): RunMetrics {
  const out = new MetricWriter();
  latencyMetrics(out, sink);
  serviceMetrics(out, totals, sink);
  accuracyMetrics(out, sink, context);
  costMetrics(out, totals, sink, context);
  energyMetrics(out, totals, sink, context);
  controlMetrics(out, totals, sink);
  shareMetrics(out, totals, context.fleet);
  const { requests, endpoints } = totals;
  const sums = sumOf(endpoints);
  const iterations = ratio(sums.outsideIterations, sums.iterations);
  const energy = ratio(sums.outsideJoules, sums.activeJoules);
  out.put(
    "outside_grid_fraction",
    Number.isFinite(energy) ? Math.max(iterations, energy) : iterations,
    "no iteration ran",
  );
  // Iterations after the horizon count as busy, so the time up is stretched to the last finish.
  const stretch = Math.max(1, totals.endSeconds / totals.horizonSeconds);
  out.put("utilisation", ratio(sums.busySeconds, sums.upSeconds * stretch), "no replica was up");
  out.put("preemptions_per_request", ratio(sums.preemptions, requests), "no request");
  out.put("finished", totals.finished);
  out.put("rejected", totals.rejected);
  out.put("unfinished", totals.unfinished);
  out.put("truncated", totals.truncated);
  out.put("horizon_s", totals.horizonSeconds);
  out.put("end_s", totals.endSeconds, "nothing finished");
  return { metrics: out.metrics, reasons: out.reasons };
}

const PERCENTILES = [
  ["p50", 0.5],
  ["p90", 0.9],
  ["p95", 0.95],
  ["p99", 0.99],
  ["p999", 0.999],
] as const;

const DISPATCH_PERCENTILES = PERCENTILES.filter(([key]) => key !== "p90" && key !== "p999");

const NOTHING_FINISHED = "no request finished";

function latencyMetrics(out: MetricWriter, sink: SummarySink): void {
  for (const name of ["latency", "ttft", "e2e"] as const) {
    const store = sink[name === "latency" ? sink.options.latency : name];
    out.put(`${name}_mean_s`, store.mean, NOTHING_FINISHED);
    for (const [key, q] of PERCENTILES) out.put(`${name}_${key}_s`, store.quantile(q), NOTHING_FINISHED);
  }
  out.put("dispatch_ttft_mean_s", sink.dispatchTtft.mean, NOTHING_FINISHED);
  for (const [key, q] of DISPATCH_PERCENTILES)
    out.put(`dispatch_ttft_${key}_s`, sink.dispatchTtft.quantile(q), NOTHING_FINISHED);
  out.put("tpot_mean_s", sink.tpotSum / sink.tpotCount, "no request had more than one output token");
}

function serviceMetrics(out: MetricWriter, totals: RunTotals, sink: SummarySink): void {
  const { tiers } = sink.options;
  const noObjective = "no tier has an objective";
  const without = tiers.every((tier) => tier.sloSeconds === Number.POSITIVE_INFINITY);
  const counted = sink.counted.reduce((sum, n) => sum + n, 0);
  const violated = sink.violated.reduce((sum, n) => sum + n, 0);
  const unknown = without ? noObjective : undefined;
  out.put("slo_violation", ratio(violated, counted), "no request", unknown);
  for (const [i, tier] of tiers.entries()) {
    const free = tier.sloSeconds === Number.POSITIVE_INFINITY ? "the tier has no objective" : undefined;
    out.put(
      `slo_violation_${tier.name}`,
      ratio(sink.violated[i], sink.counted[i]),
      "no request of the tier",
      free,
    );
  }
  for (const clock of ["arrival", "dispatch"] as const) {
    const late = sink.violatedOn[clock].reduce((sum, n) => sum + n, 0);
    out.put(`slo_violation_${clock}`, ratio(late, counted), "no request", unknown);
  }
  const { horizonSeconds } = totals;
  const noHorizon = "the horizon is 0 s";
  out.put("goodput_tok_s", ratio(sink.goodTokens, horizonSeconds), noHorizon);
  out.put("output_tok_s", ratio(sink.outputTokens, horizonSeconds), noHorizon);
  const span = sink.lastFinishSeconds - sink.firstArrivalSeconds;
  out.put("requests_per_s_simulated", ratio(totals.finished, span), NOTHING_FINISHED);
}

/** Only where correctness is modelled; every one of them is simulated correctness. */
function accuracyMetrics(
  out: MetricWriter,
  { answers }: SummarySink,
  { taskTypes }: RunMetricsContext,
): void {
  if (answers === undefined) return;
  const asked = answers.asked.reduce((sum, n) => sum + n, 0);
  const right = answers.right.reduce((sum, n) => sum + n, 0);
  out.put("accuracy", ratio(right, asked), "no request");
  const shares = [...answers.asked].map((n, type) => ratio(answers.right[type], n));
  for (const [type, name] of taskTypes.entries())
    out.put(`accuracy_${name}`, shares[type], "no request of the task type");
  const known = shares.filter(Number.isFinite);
  const macro = ratio(
    known.reduce((sum, share) => sum + share, 0),
    known.length,
  );
  out.put("accuracy_macro", macro, "no request");
  const untold = "the router does not say whether an endpoint meets all it asks for";
  out.put("coverage", ratio(answers.feasible, answers.told), untold);
  const short = `no ${FLOOR_WINDOW} requests of a task type with a floor`;
  out.put("floor_violation", ratio(answers.violatedWindows, answers.windows), short);
  out.put("ece", answers.calibrationError, "the router predicts no accuracy");
}

function costMetrics(
  out: MetricWriter,
  totals: RunTotals,
  sink: SummarySink,
  context: RunMetricsContext,
): void {
  const { unknown, tokenPrices, fleet } = context;
  const { finished, endpoints } = totals;
  const sums = sumOf(endpoints);
  out.put("cost_usd_per_request", ratio(sums.busyUsd, finished), NOTHING_FINISHED, unknown.price);
  out.put("fleet_cost_usd_per_request", ratio(sums.fleetUsd, finished), NOTHING_FINISHED, unknown.price);
  let byToken = 0;
  let energyUsd = 0;
  for (const [i, endpoint] of endpoints.entries()) {
    const { prompt, output } = tokenPrices[i] ?? { prompt: 0, output: 0 };
    byToken += (endpoint.promptTokens * prompt + endpoint.outputTokens * output) / 1e6;
    energyUsd += endpoint.energyUsd * fleet.regions[fleet.endpoints[i].region].pue;
  }
  out.put("token_cost_usd_per_request", ratio(byToken, finished), NOTHING_FINISHED, unknown.tokenPrice);
  const power = unknownPower(endpoints, fleet, "server");
  out.put(
    "energy_cost_usd_per_request",
    ratio(energyUsd, finished),
    NOTHING_FINISHED,
    unknown.energyPrice ?? power,
  );
  out.put(
    "cost_usd_per_1k_tokens",
    ratio(sums.busyUsd * 1000, sink.outputTokens),
    NOTHING_FINISHED,
    unknown.price,
  );
}

function energyMetrics(
  out: MetricWriter,
  totals: RunTotals,
  sink: SummarySink,
  context: RunMetricsContext,
): void {
  const { fleet, unknown } = context;
  const { finished, endpoints } = totals;
  const gpuUnknown = unknownPower(endpoints, fleet, "gpu");
  const serverUnknown = unknownPower(endpoints, fleet, "server");
  const energy = { gpu: 0, server: 0, facility: 0 };
  const carbon = { gpu: 0, server: 0, facility: 0 };
  const water = { gpu: 0, server: 0, facility: 0 };
  for (const [i, endpoint] of endpoints.entries()) {
    const region = fleet.regions[fleet.endpoints[i].region];
    const { pue } = region;
    const joules = endpoint.activeJoules + endpoint.idleJoules + endpoint.hostJoules;
    const grams = endpoint.activeGrams + endpoint.idleGrams + endpoint.hostGrams;
    // An endpoint without power that never ran an iteration used no energy at the gpu boundary.
    if (endpoint.iterations > 0) {
      energy.gpu += endpoint.activeJoules;
      carbon.gpu += endpoint.activeGrams;
      water.gpu += endpoint.activeJoules * litresPerItJoule(region, 1);
    }
    energy.server += joules;
    energy.facility += joules * pue;
    carbon.server += grams;
    carbon.facility += grams * pue;
    water.server += joules * litresPerItJoule(region, 1);
    water.facility += joules * litresPerItJoule(region, pue);
  }
  const put = (name: string, total: number, per: number, why: string | undefined) =>
    out.put(name, ratio(total, per), NOTHING_FINISHED, why);
  put("energy_j_per_request", energy.gpu, finished, gpuUnknown);
  put("energy_server_j_per_request", energy.server, finished, serverUnknown);
  put("energy_facility_j_per_request", energy.facility, finished, serverUnknown);
  put("energy_j_per_token", energy.gpu, sink.outputTokens, gpuUnknown);
  const gpuCarbon = unknown.carbon ?? gpuUnknown;
  const serverCarbon = unknown.carbon ?? serverUnknown;
  put("carbon_g_per_request", carbon.gpu, finished, gpuCarbon);
  put("carbon_server_g_per_request", carbon.server, finished, serverCarbon);
  put("carbon_facility_g_per_request", carbon.facility, finished, serverCarbon);
  put("carbon_g_per_1k_tokens", carbon.gpu * 1000, sink.outputTokens, gpuCarbon);
  put("carbon_g_per_1k_good_tokens", carbon.gpu * 1000, sink.goodTokens, gpuCarbon);
  const attainment = 1 - (out.metrics["slo_violation"] ?? Number.NaN);
  const per1k = ratio(carbon.gpu * 1000, sink.outputTokens);
  out.put(
    "carbon_ratio_g_per_1k_tokens",
    ratio(per1k, attainment),
    "no request met its objective",
    gpuCarbon ?? out.reasons["slo_violation"],
  );
  const gpuWater = unknown.water ?? gpuUnknown;
  const serverWater = unknown.water ?? serverUnknown;
  put("water_l_per_request", water.gpu, finished, gpuWater);
  put("water_server_l_per_request", water.server, finished, serverWater);
  put("water_facility_l_per_request", water.facility, finished, serverWater);
  put("water_l_per_1k_tokens", water.gpu * 1000, sink.outputTokens, gpuWater);
  const literal = sumOf(endpoints);
  put("energy_literal_j_per_request", literal.literalJoules, finished, gpuUnknown);
  put("carbon_literal_g_per_1k_tokens", literal.literalGrams * 1000, sink.outputTokens, gpuCarbon);
}

/** Why energy is unknown: an endpoint that counts at the boundary has a profile without power. */
function unknownPower(
  endpoints: readonly EndpointTotals[],
  fleet: Fleet,
  boundary: "gpu" | "server",
): string | undefined {
  const without = fleet.endpoints.find(
    (endpoint, i) =>
      !endpoint.law.hasPower &&
      (endpoints[i].iterations > 0 || (boundary === "server" && endpoints[i].upSeconds > 0)),
  );
  return without === undefined
    ? undefined
    : `the profile of ${without.name} (${without.profileId}) has no power`;
}

function controlMetrics(out: MetricWriter, totals: RunTotals, sink: SummarySink): void {
  const short = "fewer than two intervals with a placement";
  out.put("oscillation", sink.shortOscillation.value, short);
  out.put("oscillation_10s", sink.longOscillation.value, short);
  out.put("oscillation_target", sink.targetOscillation, "the router announces no target shares");
  out.put("deferred_fraction", ratio(totals.deferred, totals.requests), "no request");
  out.put("held_p95_s", sink.held.quantile(0.95), "no request was held on purpose");
}

function shareMetrics(out: MetricWriter, totals: RunTotals, fleet: Fleet): void {
  const tokens = new Float64Array(fleet.models.length);
  const placed = new Float64Array(fleet.groups.length);
  for (const [i, endpoint] of totals.endpoints.entries()) {
    tokens[fleet.endpoints[i].model] += endpoint.promptTokens + endpoint.outputTokens;
    placed[fleet.endpoints[i].group] += endpoint.placed;
  }
  const allTokens = tokens.reduce((sum, n) => sum + n, 0);
  const allPlaced = placed.reduce((sum, n) => sum + n, 0);
  for (const [i, { name }] of fleet.models.entries()) {
    out.put(`tokens_share_${name}`, ratio(tokens[i], allTokens), "no token was computed");
  }
  for (const [i, name] of fleet.groups.entries()) {
    out.put(`share_${name}`, ratio(placed[i], allPlaced), "nothing was placed");
  }
}

type Sums = { -readonly [K in keyof EndpointTotals]: number };

function sumOf(endpoints: readonly EndpointTotals[]): Sums {
  const sums = { ...endpoints[0] } as Sums;
  for (const endpoint of endpoints.slice(1)) {
    for (const key of Object.keys(sums) as (keyof EndpointTotals)[]) sums[key] += endpoint[key];
  }
  return sums;
}

/** a / b, NaN where b is not above 0. */
function ratio(a: number, b: number): number {
  return b > 0 ? a / b : Number.NaN;
}
