/** What a worker needs to make the setting of a point with planners, all files read. */
import type { ArrivalShape, TraceArrivals } from "../../datacenter/arrivals.ts";
import { PAPER_PHYSICS } from "../../datacenter/physics.ts";
import { type Setting, type SettingInputs, settingFrom } from "../../datacenter/setting.ts";
import type { SiteSeries } from "../../datacenter/site-series.ts";
import type { EpochExperiment } from "./epoch-schema.ts";

export interface EpochPointInputs extends Pick<SettingInputs, "sites" | "nodes"> {
  readonly experiment: EpochExperiment;
  readonly requests: ArrivalShape | TraceArrivals;
  /** By start, then site. */
  readonly series: readonly (readonly Partial<SiteSeries>[])[];
  /** Unix seconds at which horizons begin. */
  readonly starts: readonly number[];
  /** What stands in for data that is not there, and the like. */
  readonly notes: readonly string[];
}

/**
 * The setting of a run.
 *
 * @param prewarm in place of the experiment's, for planners that are run otherwise
 * @throws UserError CANOPY_DATACENTER_VALUE, CANOPY_DATACENTER_MODEL, CANOPY_DATACENTER_SERIES, CANOPY_ARRIVALS_EMPTY
 */
export function settingOf(
  inputs: EpochPointInputs,
  run: { readonly seed: number; readonly start: number; readonly prewarm?: boolean },
): Setting {
  const { requests, sites, nodes } = inputs;
  const { setting } = inputs.experiment;
  const { epochs, history, firstEpoch, nodesPerSite, peak, weather, waterFactors, blowdown } = setting;
  const { planRows, ttft, consolidation, fill, bootPenalty } = setting;
  const series = inputs.series[inputs.starts.indexOf(run.start)];
  return settingFrom(
    { sites, requests, series, ...(nodes === undefined ? {} : { nodes }) },
    {
      seed: run.seed,
      startSeconds: run.start,
      epochs,
      history,
      ...(firstEpoch === undefined ? {} : { firstEpoch }),
      nodesPerSite,
      peak,
      weather,
      waterFactors,
      mix: "counts" in requests ? requests.mix : setting.mix,
      world: {
        planRows,
        ttft,
        consolidation,
        fill,
        bootPenalty,
        prewarm: run.prewarm ?? setting.prewarm,
        physics: {
          ...PAPER_PHYSICS,
          blowdown:
            "phi" in blowdown
              ? { form: "literal", phi: blowdown.phi }
              : { form: "cycles", cycles: blowdown.cycles },
        },
        ...("counts" in requests
          ? { promptTokens: requests.promptTokens, outputTokens: requests.outputTokens }
          : {}),
      },
    },
  );
}
