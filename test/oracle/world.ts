/** The world as a router sees it. */
import { Stream } from "../../src/numeric/random.ts";
import type { ClairvoyantView, SignalView, World } from "../../src/routers/contract.ts";
import { trackAt } from "./meters.ts";
import type { Sim } from "./state.ts";
import type { Telemetry } from "./telemetry.ts";

const ROLES = { mixed: 0, prefill: 1, decode: 2 } as const;

/** Purpose of the router's own stream under the run's seed. */
const POLICY_STREAM = "router policy";

export function newWorld(sim: Sim, telemetry: Telemetry): World & { hidden?: ClairvoyantView } {
  const { options, columns } = sim;
  const { fleet, workload } = options;
  const { endpoints, regions } = fleet;
  const at = (region: number, seconds: number) => trackAt(regions[region].carbon, seconds);
  return {
    requests: columns,
    endpoints: {
      count: endpoints.length,
      names: endpoints.map((e) => e.name),
      region: Int32Array.from(endpoints, (e) => e.region),
      model: Int32Array.from(endpoints, (e) => e.model),
      group: Int32Array.from(endpoints, (e) => e.group),
      large: Uint8Array.from(endpoints, (e) => (fleet.models[e.model].large ? 1 : 0)),
      role: Uint8Array.from(endpoints, (e) => ROLES[e.role]),
      minReplicas: Int32Array.from(endpoints, (e) => e.minReplicas),
      maxReplicas: Int32Array.from(endpoints, (e) => e.maxReplicas),
      maxRequests: Int32Array.from(endpoints, (e) => e.batching.maxRequests),
      kvTokens: Float64Array.from(endpoints, (e) => e.batching.kvBlocks * e.batching.blockTokens),
      maxModelTokens: Int32Array.from(endpoints, (e) => e.maxModelTokens),
      maxOutstanding: Float64Array.from(endpoints, (e) => e.maxOutstanding),
      usdPerReplicaSecond: Float64Array.from(endpoints, (e) => e.usdPerReplicaHour / 3600),
      roundTripSeconds: Float64Array.from(endpoints, (e) => e.roundTripSeconds),
      law: endpoints.map((e) => e.law),
    },
    regions: {
      pue: Float64Array.from(regions, (region) => region.pue),
      siteLitresPerItKwh: Float64Array.from(regions, (region) =>
        region.water === null ? Number.NaN : region.water.siteLitresPerItKwh,
      ),
      gridLitresPerKwh: Float64Array.from(regions, (region) =>
        region.water === null ? Number.NaN : region.water.gridLitresPerKwh,
      ),
    },
    telemetry: telemetry.view,
    signals: {
      regions: regions.map((region) => region.name),
      signal: options.signal,
      carbon: new Float64Array(regions.length),
      energyPrice: new Float64Array(regions.length),
      forecastCarbon(region, aheadSeconds) {
        const { forecastCarbon } = options;
        return forecastCarbon === null
          ? at(region, sim.now + aheadSeconds)
          : forecastCarbon(region, sim.now, aheadSeconds);
      },
    },
    completed: sim.completed,
    tiers: workload.tiers.map((tier) => ({ deferralSeconds: tier.sloSeconds, ...tier })),
    taskTypes: workload.taskTypes,
    models: fleet.models.map(({ name }) => name),
    groups: fleet.groups,
    startHour: options.startHour,
    latency: options.latency,
    clock: options.clock,
    meanPromptTokens: workload.meanPromptTokens,
    meanOutputTokens: workload.meanOutputTokens,
    random: new Stream(options.seed, POLICY_STREAM),
    artefacts: options.artefacts,
    ...(options.clairvoyant ? { hidden: hiddenView(sim, at) } : {}),
  };
}

function hiddenView(sim: Sim, futureCarbon: ClairvoyantView["futureCarbon"]): ClairvoyantView {
  const { options, columns } = sim;
  return {
    outputTokens: columns.outputTokens,
    futureCarbon,
    correct(request, endpoint) {
      if (options.answers === null) throw new Error("answers are not modelled");
      const { model } = options.fleet.endpoints[endpoint];
      return options.answers.correct(request, columns.difficulty[request], columns.taskType[request], model);
    },
  };
}

/** The gateway fetches the signals of all regions. */
export function fetchSignals(sim: Sim, signals: SignalView, seconds: number): void {
  sim.options.fleet.regions.forEach((region, i) => {
    signals.carbon[i] = trackAt(region.carbon, seconds);
    signals.energyPrice[i] = region.energyPrice === null ? 0 : trackAt(region.energyPrice, seconds);
  });
}
