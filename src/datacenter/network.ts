/** Network latency between places: great-circle distance and hops (MARLIN, equation 2). */
export interface Place {
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
}

export interface NetworkParameters {
  /** One way; 0.005 is light in fibre along the great circle. Measured between cloud regions: 0.0088. */
  readonly millisecondsPerKm: number;
  readonly millisecondsPerHop: number;
  /** Hops at distance 0, and one more for each `kmPerHop` begun (ours; the paper gives no count). */
  readonly baseHops: number;
  readonly kmPerHop: number;
}

export const PAPER_NETWORK: NetworkParameters = {
  millisecondsPerKm: 0.005,
  millisecondsPerHop: 0.5,
  baseHops: 2,
  kmPerHop: 1000,
};

/** Mean radius of the Earth, km. */
const EARTH_KM = 6371.0088;

/** Great-circle distance by the haversine formula, km. */
export function distanceKm(a: Place, b: Place): number {
  const radians = Math.PI / 180;
  const dLatitude = (b.latitude - a.latitude) * radians;
  const dLongitude = (b.longitude - a.longitude) * radians;
  const h =
    Math.sin(dLatitude / 2) ** 2 +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * Math.sin(dLongitude / 2) ** 2;
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(h)));
}

export function hops(km: number, network: NetworkParameters): number {
  return network.baseHops + Math.ceil(km / network.kmPerHop);
}

/** One-way latency, seconds: LA_net (2). */
export function oneWaySeconds(km: number, hopCount: number, network: NetworkParameters): number {
  return (km * network.millisecondsPerKm + hopCount * network.millisecondsPerHop) / 1000;
}

/** One-way latency between two places, seconds. */
export function latencySeconds(a: Place, b: Place, network: NetworkParameters): number {
  const km = distanceKm(a, b);
  return oneWaySeconds(km, hops(km, network), network);
}
