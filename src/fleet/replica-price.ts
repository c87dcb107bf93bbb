import { UserError } from "../errors.ts";

/** What is rented, and for how much; exactly one of the three prices is given. */
export interface PriceTerms {
  readonly usdPerGpuHour?: number | undefined;
  readonly usdPerInstanceHour?: number | undefined;
  readonly usdPerReplicaHour?: number | undefined;
  /** GPUs of the rented machine; without it GPUs are rented singly. */
  readonly gpusPerInstance?: number | undefined;
  readonly gpusPerReplica: number;
}

/**
 * USD an hour for one replica. Of a machine with several GPUs every replica that fits pays an equal part, so that
 * GPUs which no replica can use are paid for as well: three GPUs a replica on a machine of eight cost four each.
 *
 * @throws UserError CANOPY_FLEET_PRICE when no replica fits the machine
 */
export function usdPerReplicaHour(terms: PriceTerms): number {
  const { usdPerGpuHour, usdPerInstanceHour, gpusPerInstance, gpusPerReplica } = terms;
  if (terms.usdPerReplicaHour !== undefined) return terms.usdPerReplicaHour;
  if (gpusPerInstance === undefined) return (usdPerGpuHour ?? Number.NaN) * gpusPerReplica;
  const replicas = Math.floor(gpusPerInstance / gpusPerReplica);
  if (replicas === 0) {
    throw new UserError(
      "CANOPY_FLEET_PRICE",
      `a replica of ${gpusPerReplica} GPUs does not fit an instance of ${gpusPerInstance}`,
    );
  }
  return (usdPerInstanceHour ?? (usdPerGpuHour ?? Number.NaN) * gpusPerInstance) / replicas;
}
