import { isoTime } from "../../signal/series.ts";
import type { ExperimentPoint } from "../load.ts";
import type { PointProvenance } from "../result.ts";
import { type EpochPointInputs, settingOf } from "./epoch-inputs.ts";
import type { EpochExperiment } from "./epoch-schema.ts";

/** What the figures of a point with planners rest on. */
export function epochProvenance(
  key: string,
  point: ExperimentPoint<EpochExperiment>,
  inputs: EpochPointInputs,
): PointProvenance {
  const { experiment, sites, starts, requests, notes } = inputs;
  const { seeds, setting, calls, objective } = experiment;
  const { factor, firstEpoch, history, world } = settingOf(inputs, { seed: seeds[0], start: starts[0] });
  const [first] = inputs.series;
  const by = (which: "carbon" | "price") =>
    Object.fromEntries(
      sites.map(({ name }, d) => {
        const { source, provenance, accounting } = first[d][which]?.header ?? { source: "none" };
        return [name, { source, ...(provenance === undefined ? {} : { provenance, accounting }) }];
      }),
    ) as PointProvenance["carbon"];
  const carbon = by("carbon");
  const synthetic = (of: PointProvenance["carbon"]) =>
    Object.values(of).every(({ provenance }) => provenance === "synthetic")
      ? "synthetic"
      : Object.values(of).some(({ provenance }) => provenance === "synthetic")
        ? "partly synthetic"
        : "reference data of 2024";
  const price = by("price");
  const weather = setting.weather ? `, weather ${weatherWord(first)}` : "";
  const nodes = world.totalNodes.toLocaleString("en-US");
  return {
    point: point.labels,
    inputs: key,
    seeds,
    starts: starts.map(isoTime),
    workload: { kind: "epochs", source: requests.source, factor },
    tiers: [],
    signal: "average",
    carbon,
    price,
    profiles: [],
    prices: [],
    latency: "ttft",
    end: "cut",
    horizon: setting.epochs,
    warmup: null,
    calibration: {},
    notes: [...notes, ...(point.note === undefined ? [] : [point.note])],
    epochs: {
      factor,
      header: `Requests: ${requests.source}, scaled so that the busiest epoch takes ${percent(setting.peak)} of the fleet; carbon ${synthetic(carbon)}, prices ${synthetic(price)}${weather}, grid water by ${setting.waterFactors === "paper" ? "the paper's factors" : "Macknick's medians"}`,
      setting: [
        `${sites.length} sites (${sites.map(({ name }) => name).join(", ")}), ${nodes} nodes`,
        `${setting.epochs} epochs of 15 min from epoch ${firstEpoch} of the trace, after ${history} of history`,
        `forecast ${setting.forecast}`,
        `plans with a row for each ${setting.planRows === "models" ? "model" : "origin and model"}`,
        `TTFT ${setting.ttft === "paper" ? "by the paper's equation 3" : "simulated"}`,
        `${setting.consolidation ? "consolidation" : "load spread over all nodes"}, ${setting.prewarm ? "prewarming" : "no prewarming"}`,
        `weights ${objective.weights.join(", ")}`,
        calls === "own"
          ? "calls of the model as each planner's own defaults ask"
          : `at most ${calls} calls of the model an epoch`,
      ],
    },
  };
}

function weatherWord(series: EpochPointInputs["series"][number]): string {
  const synthetic = series.filter(({ wetBulbSource }) => wetBulbSource?.startsWith("synthetic") === true);
  return synthetic.length === 0
    ? "of 2024"
    : synthetic.length === series.length
      ? "synthetic"
      : "partly synthetic";
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(4))} %`;
}
