/**
 * Formulas of MARLIN (arXiv 2605.13496, equations 1 to 11) for one epoch: kWh, litres, kg, $. Where the paper and
 * physics part, the literal form is the default and the other one has a name.
 */

/** Water blown down from a cooling tower: as the paper writes it, or by cycles of concentration. */
export type Blowdown =
  /** E / (1 - phi): with phi = 1 / cycles this is the make-up, evaporation and blowdown together. */
  | { readonly form: "literal"; readonly phi: number }
  /** E / (cycles - 1): what leaves the tower so that salts stay at `cycles` times those of the make-up. */
  | { readonly form: "cycles"; readonly cycles: number };

/** Constants that the paper states or leaves open. */
export interface PhysicsParameters {
  /** Lights, power distribution and so on, as a fraction of IT energy (paper: 0.13). */
  readonly infrastructureFraction: number;
  /** Cooling energy over CRAC energy: CRAC, chiller and auxiliaries are equal (paper: 3). */
  readonly coolingPerCrac: number;
  /** Heat taken by evaporating a litre, MJ; 2.45 at 20 C (ours; 2.26 at 100 C). */
  readonly latentMegajoulesPerLitre: number;
  readonly blowdown: Blowdown;
  /** Energy to make a litre of potable water, kWh (ours). */
  readonly potableKwhPerLitre: number;
  /** Energy to treat a litre of waste water, kWh (ours); the paper applies it to the grid's water. */
  readonly wasteKwhPerLitre: number;
}

export const PAPER_PHYSICS: PhysicsParameters = {
  infrastructureFraction: 0.13,
  coolingPerCrac: 3,
  latentMegajoulesPerLitre: 2.45,
  blowdown: { form: "literal", phi: 0.2 },
  potableKwhPerLitre: 5e-4,
  wasteKwhPerLitre: 6e-4,
};

const MEGAJOULES_PER_KWH = 3.6;
const JOULES_PER_KWH = 3.6e6;

/** IT energy of a node, kWh: the P-state's share of the TDP over the epoch (4). */
export function itKwh(powerFraction: number, tdpWatts: number, seconds: number): number {
  return (powerFraction * tdpWatts * seconds) / JOULES_PER_KWH;
}

/** CRAC energy, kWh, before (6). */
export function cracKwh(itEnergyKwh: number, cop: number): number {
  return itEnergyKwh / cop;
}

/** Cooling energy, kWh: CRAC, chiller and auxiliaries. */
export function coolingKwh(itEnergyKwh: number, cop: number, physics: PhysicsParameters): number {
  return physics.coolingPerCrac * cracKwh(itEnergyKwh, cop);
}

export function infrastructureKwh(itEnergyKwh: number, physics: PhysicsParameters): number {
  return physics.infrastructureFraction * itEnergyKwh;
}

/** Energy of the site over its IT energy (6): 1.13 + 3 / COP with the paper's constants, which is also its PUE. */
export function energyFactor(cop: number, physics: PhysicsParameters): number {
  return 1 + physics.infrastructureFraction + physics.coolingPerCrac / cop;
}

/** Litres evaporated to carry off the heat of `itEnergyKwh`, all of it unless `share` says less. */
export function evaporationLitres(itEnergyKwh: number, physics: PhysicsParameters, share = 1): number {
  return (share * itEnergyKwh * MEGAJOULES_PER_KWH) / physics.latentMegajoulesPerLitre;
}

/** Litres blown down over litres evaporated. */
export function blowdownFactor(blowdown: Blowdown): number {
  return blowdown.form === "literal" ? 1 / (1 - blowdown.phi) : 1 / (blowdown.cycles - 1);
}

/** Litres of potable water, evaporated and blown down, for a kWh of IT energy. */
export function potableLitresPerItKwh(physics: PhysicsParameters, evaporationShare = 1): number {
  return evaporationLitres(1, physics, evaporationShare) * (1 + blowdownFactor(physics.blowdown));
}

/** Energy of potable and waste water, kWh: the paper's Z_pot and Z_waste, summed. */
export function waterTreatmentKwh(
  potableLitres: number,
  gridLitres: number,
  physics: PhysicsParameters,
): number {
  return potableLitres * physics.potableKwhPerLitre + gridLitres * physics.wasteKwhPerLitre;
}

/** What a kWh of IT energy costs at a site: every metric but TTFT is linear in it. */
export interface ItKwhPrices {
  carbonKg: number;
  waterLitres: number;
  usd: number;
}

/**
 * Carbon (10), water (8) and cost (7) of a kWh of IT energy.
 *
 * @param out receives them
 */
export function pricesOfItKwh(
  cop: number,
  carbonKgPerKwh: number,
  waterLitresPerKwh: number,
  usdPerKwh: number,
  evaporationShare: number,
  physics: PhysicsParameters,
  out: ItKwhPrices,
): void {
  const total = energyFactor(cop, physics);
  const potable = potableLitresPerItKwh(physics, evaporationShare);
  const grid = total * waterLitresPerKwh;
  out.carbonKg = carbonKgPerKwh * (total + waterTreatmentKwh(potable, grid, physics));
  out.waterLitres = potable + grid;
  out.usd = total * usdPerKwh;
}

/** Time to load a model's weights, seconds: LA_load. */
export function loadSeconds(weightBytes: number, bytesPerSecond: number): number {
  return weightBytes / bytesPerSecond;
}

/** Bytes of KV cache for a token in 16 bits: keys and values of every layer. */
export function kvBytesPerToken(layers: number, kvHeads: number, headDimension: number): number {
  return 2 * layers * kvHeads * headDimension * 2;
}

/** Time of one request to first token by (3), literally: load, two ways on the network, mean time per output token. */
export function paperTtftSeconds(
  loadingSeconds: number,
  oneWaySeconds: number,
  executionSeconds: number,
  outputTokens: number,
): number {
  return loadingSeconds + 2 * oneWaySeconds + executionSeconds / outputTokens;
}
