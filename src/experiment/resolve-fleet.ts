import { UserError } from "../errors.ts";
import type { EndpointPlan, FaultPlan } from "../fleet/build-fleet.ts";
import { endpointNames } from "../fleet/endpoint-names.ts";
import type { Batching } from "../fleet/fleet.ts";
import { usdPerReplicaHour } from "../fleet/replica-price.ts";
import type { Law, LawInput } from "../profile/law.ts";
import type { InlineProfile, Profile } from "../profile/schema.ts";
import { lawOf } from "../profile/to-law.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { EndpointConfig } from "./fleet-schema.ts";
import { DEFAULT_MAX_REQUESTS, laidOn } from "./lay-batching.ts";
import type { Experiment } from "./schema.ts";
import type { Problem } from "./schema-problems.ts";

/** A profile by its content, with what tables say of it. */
export interface ProfileInput {
  /** Content hash. */
  readonly key: string;
  readonly profile: Profile | InlineProfile;
}

/**
 * The fleet with `gpus` turned into `count`, or what is wrong with an entry: GPUs that make no whole number of replicas.
 *
 * @param profiles one for each entry
 */
export function withCounts(
  fleet: readonly EndpointConfig[],
  profiles: readonly ProfileInput[],
): { readonly fleet: EndpointConfig[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const counted = fleet.map((config, i) => {
    const { gpus, ...rest } = config;
    if (gpus === undefined) return config;
    const { profile } = profiles[i];
    const perReplica = gpusOf(config, profile);
    if (gpus % perReplica !== 0) {
      const name = "id" in profile ? profile.id : INLINE_PROFILE_ID;
      const message = `${gpus} is no multiple of ${perReplica}, the GPUs of one replica of ${name}: ${gpus} / ${perReplica} = ${Number((gpus / perReplica).toFixed(2))} replicas`;
      problems.push({ code: "CANOPY_EXPERIMENT_FLEET", path: ["fleet", i, "gpus"], message });
    }
    return { ...rest, count: Math.max(1, Math.floor(gpus / perReplica)) };
  });
  return { fleet: counted, problems };
}

function gpusOf({ gpusPerReplica }: EndpointConfig, profile: Profile | InlineProfile): number {
  return gpusPerReplica ?? ("law" in profile ? undefined : profile.gpu?.count) ?? 1;
}

/** What tables say of a power curve that stands in for a profile's power. */
export function powerCurveNotes(fleet: readonly EndpointConfig[]): string[] {
  const notes = fleet.flatMap(({ endpoint, powerCurve }) =>
    powerCurve === undefined
      ? []
      : [
          `${endpoint}: power is ${powerCurve.idleW} W + ${powerCurve.peakW - powerCurve.idleW} W x (batch / maxRequests)^${powerCurve.exponent} for each GPU, ${powerCurve.peakW} W for prompts, in place of the profile's`,
        ],
  );
  return [...new Set(notes)];
}

/** What an inline law is called where a profile's id would stand. */
export const INLINE_PROFILE_ID = "law in place";

/**
 * The endpoints of an experiment in order, `count` unfolded, with their laws.
 *
 * @param profiles one for each entry of `experiment.fleet`
 * @returns endpoints, or what is wrong with an entry (KV capacity unknown, replica larger than its machine)
 */
export function planEndpoints(
  experiment: Experiment,
  profiles: readonly ProfileInput[],
): { readonly endpoints: readonly EndpointPlan[]; readonly problems: readonly Problem[] } {
  const endpoints: EndpointPlan[] = [];
  const problems: Problem[] = [];
  for (const [i, config] of experiment.fleet.entries()) {
    try {
      const plan = planEndpoint(experiment, config, profiles[i]);
      for (const name of endpointNames(config.endpoint, config.count)) endpoints.push({ ...plan, name });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problems.push({ code: error.code, path: ["fleet", i], message: error.message });
    }
  }
  return { endpoints, problems };
}

function planEndpoint(
  experiment: Experiment,
  config: EndpointConfig,
  { key, profile }: ProfileInput,
): EndpointPlan {
  const known = "law" in profile ? undefined : profile;
  const batching = resolveBatching(experiment, config, profile);
  const gpusPerReplica = gpusOf(config, profile);
  const { price, gpusPerInstance, scaling } = config;
  const roundTripMs = config.roundTripMs ?? experiment.network.roundTripMs[config.region] ?? 0;
  return {
    name: config.endpoint,
    region: config.region,
    model: config.model ?? known?.model.name ?? "model",
    large: config.large,
    group: config.group,
    role: config.role,
    replicas: config.replicas,
    minReplicas: scaling?.min ?? config.replicas,
    maxReplicas: scaling?.max ?? config.replicas,
    startupSeconds: scaling?.startupS ?? 0,
    law: lawFor(key, profile, batching.maxRequests, experiment, config),
    profileId: known?.id ?? INLINE_PROFILE_ID,
    provenance: known?.provenance ?? "modelled",
    batching,
    maxModelTokens:
      config.maxModelTokens ?? profile.maxModelTokens ?? batching.kvBlocks * batching.blockTokens,
    overlong: config.overlong,
    kvBytesPerToken: config.kvBytesPerToken ?? known?.model.kvBytesPerToken ?? 0,
    gpusPerReplica,
    usdPerReplicaHour:
      price === undefined ? 0 : usdPerReplicaHour({ ...price, gpusPerInstance, gpusPerReplica }),
    hostWattsPerReplica: config.hostWattsPerReplica,
    roundTripSeconds: roundTripMs / 1000,
    localBalancer: config.localBalancer,
    maxOutstanding: config.maxOutstanding ?? Number.POSITIVE_INFINITY,
    powerStates:
      config.powerStates.length === 0
        ? [{ name: "default", timeFactor: 1, powerFactor: 1 }]
        : config.powerStates,
  };
}

function resolveBatching(
  experiment: Experiment,
  config: EndpointConfig,
  profile: Profile | InlineProfile,
): Batching {
  const given = laidOn(experiment.batching, config.batching);
  const { kvCapacityTokens } = profile;
  const kvBlocks =
    given.kvBlocks ??
    (typeof kvCapacityTokens === "number" ? Math.floor(kvCapacityTokens / given.blockTokens) : undefined);
  if (kvBlocks === undefined) {
    throw new UserError(
      "CANOPY_EXPERIMENT_FLEET",
      "has a profile without a KV capacity, expected batching.kvBlocks or profile.kvCapacityTokens",
    );
  }
  const maxRequests = given.maxRequests ?? ("maxBatch" in profile ? profile.maxBatch : DEFAULT_MAX_REQUESTS);
  return { ...given, maxRequests, kvBlocks };
}

/** Laws are immutable and take a while to tabulate; one worker runs many runs on few of them. */
const laws = new Map<string, Law>();
const MOST_LAWS = 256;

function lawFor(
  key: string,
  profile: Profile | InlineProfile,
  maxRequests: number,
  { calibration }: Experiment,
  config: EndpointConfig,
): Law {
  const { prefillFactor } = calibration;
  const { mixedRule, powerCurve } = config;
  const gpus = gpusOf(config, profile);
  const name = canonicalJson([key, maxRequests, mixedRule, prefillFactor, powerCurve ?? null, gpus]);
  let law = laws.get(name);
  if (law === undefined) {
    const power = powerCurve === undefined ? undefined : powerOfCurve(powerCurve, gpus, maxRequests);
    law = lawOf(profile, maxRequests, { mixedRule, prefillFactor, power });
    if (laws.size >= MOST_LAWS) laws.clear();
    laws.set(name, law);
  }
  return law;
}

type PowerCurveConfig = NonNullable<EndpointConfig["powerCurve"]>;

/** Power of a replica of some GPUs by a curve over its utilisation (CAPS: exponent 0.7). */
function powerOfCurve(
  { idleW, peakW, exponent }: PowerCurveConfig,
  gpus: number,
  maxRequests: number,
): NonNullable<LawInput["power"]> {
  const batch = Array.from({ length: maxRequests }, (_, i) => i + 1);
  return {
    idleWatts: idleW * gpus,
    idleUnloadedWatts: idleW * gpus,
    prefillWatts: peakW * gpus,
    decode: {
      batch,
      watts: batch.map((n) => gpus * (idleW + (peakW - idleW) * (n / maxRequests) ** exponent)),
    },
  };
}

/** The faults of an experiment in SI units. */
export function planFaults({ faults }: Experiment): FaultPlan[] {
  return faults.map(({ atS, endpoint, kind, noticeS, timeFactor }): FaultPlan => {
    if (kind === "notice") return { atSeconds: atS, endpoint, kind, noticeSeconds: noticeS ?? 0 };
    if (kind === "slow") return { atSeconds: atS, endpoint, kind, timeFactor: timeFactor ?? 1 };
    return { atSeconds: atS, endpoint, kind };
  });
}
