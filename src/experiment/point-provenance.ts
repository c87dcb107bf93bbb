import { isoTime } from "../signal/series.ts";
import type { ExperimentPlan, PlannedPoint } from "./expand.ts";
import type { PlainValue } from "./located-tree.ts";
import { INLINE_PROFILE_ID } from "./resolve-fleet.ts";
import { describeSeries } from "./resolve-signals.ts";
import type { PointProvenance } from "./result.ts";
import type { Experiment } from "./schema.ts";
import type { SeriesInput } from "./shared-inputs.ts";

/** What the figures of a point rest on. */
export function pointProvenance(
  { key, point, inputs, routers }: PlannedPoint,
  plan: Pick<ExperimentPlan, "runs" | "inputs">,
): PointProvenance {
  const { experiment } = inputs;
  const { series } = plan.inputs;
  const trains = routers.some(({ training }) => training !== null);
  const describe = (signals: Readonly<Record<string, SeriesInput>>) =>
    Object.fromEntries(
      Object.entries(signals).map(([region, input]) => [region, describeSeries(input, { series })]),
    );
  const profiles = new Map<string, string>();
  for (const name of inputs.profiles) {
    const profile = plan.inputs.profiles[name];
    if ("law" in profile) profiles.set(INLINE_PROFILE_ID, "modelled");
    else profiles.set(profile.id, profile.provenance);
  }
  const { calibration, latency, end, horizon, warmup, signals, seeds } = experiment;
  return {
    point: point.labels,
    inputs: key,
    seeds,
    starts: inputs.starts.flatMap((start) => (start === null ? [] : [isoTime(start)])),
    workload: workloadProvenance(point, plan, key),
    tiers: (experiment.tiers ?? []).map(({ name, share, sloS }) => ({ name, share: share ?? null, sloS })),
    signal: signals.signal,
    carbon: describe(inputs.carbon),
    price: describe(inputs.price),
    profiles: [...profiles].map(([id, provenance]) => ({ id, provenance })),
    prices: experiment.fleet.flatMap(({ endpoint, price }) =>
      price?.source === undefined ? [] : [{ endpoint, source: price.source }],
    ),
    latency,
    end,
    horizon,
    warmup: warmup ?? null,
    calibration,
    notes: [
      ...inputs.notes,
      ...(point.note === undefined ? [] : [point.note]),
      ...settingNotes(experiment, trains),
      ...(experiment.fleet.every(({ hostWattsPerReplica }) => hostWattsPerReplica === 0)
        ? ["hostWattsPerReplica is 0: the server and facility boundaries hold GPUs alone"]
        : []),
    ],
  };
}

/** What a reader has to know of simulated answers, training, the clock and constructed outputs. */
function settingNotes({ accuracy, training, clock, workload }: Experiment, trains: boolean): string[] {
  const notes: string[] = [];
  if (accuracy !== undefined) {
    const table = typeof accuracy.table === "string" ? accuracy.table : "the experiment's table";
    const source = accuracy.source === undefined ? "" : `, ${accuracy.source}`;
    const phi =
      typeof accuracy.phi === "number"
        ? String(accuracy.phi)
        : Object.entries(accuracy.phi)
            .map(([dataset, value]) => `${dataset} ${value}`)
            .join(", ");
    notes.push(
      `simulated correctness: no model has answered; right and wrong are drawn by item response fitted to ${table}${source}, phi ${phi}`,
    );
  }
  if (trains && training !== undefined) {
    const { durationS, requests, seed } = training;
    const lengths = [
      ...(requests === undefined ? [] : [`${requests} requests`]),
      ...(durationS === undefined ? [] : [`${durationS} s of requests`]),
    ];
    const which = "trace" in workload ? "the beginning of the trace" : `seed ${seed}`;
    notes.push(
      `routers that learn are trained on ${lengths.join(", at most ")} (${which}), which no evaluated run has`,
    );
  }
  if (clock === "dispatch") {
    notes.push("objectives bound latency from the end of a deliberate hold within the tier's deferralS");
  }
  if ("outputFeatures" in workload && workload.outputFeatures !== undefined) {
    notes.push(
      `constructed: the logarithm of the output tokens correlates by ${workload.outputFeatures.rho} with what a gateway sees of a request`,
    );
  }
  return notes;
}

function workloadProvenance(
  { experiment }: PlannedPoint["point"],
  plan: Pick<ExperimentPlan, "runs" | "inputs">,
  key: string,
): Readonly<Record<string, PlainValue>> {
  const { workload, floors } = experiment;
  const common = { floors: floors as PlainValue };
  if (!("trace" in workload)) {
    const kind = "sessions" in workload ? "sessions" : "synthetic";
    return { ...common, kind, parameters: workload as unknown as PlainValue };
  }
  const run = plan.runs.find(({ point }) => point === key);
  const shared = run === undefined ? undefined : plan.inputs.workloads[run.workload];
  return {
    ...common,
    kind: "trace",
    file: workload.trace,
    parameters: workload as unknown as PlainValue,
    ...(shared === undefined
      ? {}
      : {
          name: shared.requests.name,
          notes: { ...shared.requests.notes },
          sha256: shared.requests.sha256 ?? null,
        }),
  };
}
