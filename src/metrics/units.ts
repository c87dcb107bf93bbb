/** Units by what they measure, with the factor that takes a number into the first one. */
const FAMILIES: readonly Readonly<Record<string, number>>[] = [
  { "": 1, "%": 0.01 },
  { s: 1, ms: 1e-3, us: 1e-6, min: 60, h: 3600 },
  { J: 1, mJ: 1e-3, kJ: 1e3, MJ: 1e6, Wh: 3600, kWh: 3.6e6, MWh: 3.6e9 },
  { g: 1, mg: 1e-3, ug: 1e-6, kg: 1e3, t: 1e6 },
  { L: 1, mL: 1e-3, m3: 1e3 },
  { USD: 1, $: 1, cent: 0.01 },
  { W: 1, mW: 1e-3, kW: 1e3, MW: 1e6 },
  { "1/s": 1, "1/min": 1 / 60, "1/h": 1 / 3600 },
  { "tok/s": 1, "tok/min": 1 / 60, "tok/h": 1 / 3600 },
];

/** The value in another unit of the same quantity; undefined when there is no way from one to the other. */
export function convertUnit(value: number, from: string, to: string): number | undefined {
  if (from === to) return value;
  const family = FAMILIES.find((units) => Object.hasOwn(units, from) && Object.hasOwn(units, to));
  return family === undefined ? undefined : (value * family[from]) / family[to];
}
