import { expect, test } from "vitest";
import { distanceKm, hops, oneWaySeconds, PAPER_NETWORK } from "../../src/datacenter/network.ts";
import {
  blowdownFactor,
  coolingKwh,
  cracKwh,
  energyFactor,
  evaporationLitres,
  infrastructureKwh,
  itKwh,
  kvBytesPerToken,
  loadSeconds,
  PAPER_PHYSICS,
  type PhysicsParameters,
  paperTtftSeconds,
  potableLitresPerItKwh,
  pricesOfItKwh,
  waterTreatmentKwh,
} from "../../src/datacenter/physics.ts";

const BY_CYCLES: PhysicsParameters = { ...PAPER_PHYSICS, blowdown: { form: "cycles", cycles: 5 } };

test("energy of a node of 10 kW at half power for a quarter of an hour, COP 3", () => {
  const it = itKwh(0.5, 10_000, 900);
  expect(it).toBe(1.25);
  expect(cracKwh(it, 3)).toBeCloseTo(0.416667, 6);
  expect(coolingKwh(it, 3, PAPER_PHYSICS)).toBeCloseTo(1.25, 12);
  expect(infrastructureKwh(it, PAPER_PHYSICS)).toBeCloseTo(0.1625, 12);
  expect(energyFactor(3, PAPER_PHYSICS)).toBeCloseTo(2.13, 12);
  expect(it * energyFactor(3, PAPER_PHYSICS)).toBeCloseTo(2.6625, 12);
  expect(energyFactor(5, PAPER_PHYSICS)).toBeCloseTo(1.73, 12);
});

test("water: evaporation, both forms of blowdown, the grid's", () => {
  const evaporated = evaporationLitres(1.25, PAPER_PHYSICS);
  expect(evaporated).toBeCloseTo(1.836735, 6);
  expect(evaporated * blowdownFactor(PAPER_PHYSICS.blowdown)).toBeCloseTo(2.295918, 6);
  expect(evaporated * blowdownFactor(BY_CYCLES.blowdown)).toBeCloseTo(0.459184, 6);
  const out = { carbonKg: 0, waterLitres: 0, usd: 0 };
  pricesOfItKwh(3, 0.4, 1.8, 0.12, 1, PAPER_PHYSICS, out);
  expect(1.25 * out.waterLitres).toBeCloseTo(8.925153, 6);
  pricesOfItKwh(3, 0.4, 1.8, 0.12, 1, BY_CYCLES, out);
  expect(1.25 * out.waterLitres).toBeCloseTo(7.088418, 6);
});

test("the literal blowdown at phi = 1 / cycles is the make-up, evaporation and blowdown together", () => {
  for (const cycles of [2, 3, 5, 10]) {
    const makeUp = 1 + blowdownFactor({ form: "cycles", cycles });
    expect(blowdownFactor({ form: "literal", phi: 1 / cycles })).toBeCloseTo(makeUp, 12);
  }
});

test("carbon: the grid's, and that of the energy for potable and waste water", () => {
  const potable = 1.25 * potableLitresPerItKwh(PAPER_PHYSICS);
  const grid = 2.6625 * 1.8;
  expect(grid).toBeCloseTo(4.7925, 12);
  expect(potable * PAPER_PHYSICS.potableKwhPerLitre).toBeCloseTo(0.00206633, 8);
  expect(grid * PAPER_PHYSICS.wasteKwhPerLitre).toBeCloseTo(0.0028755, 8);
  expect(0.4 * waterTreatmentKwh(potable, grid, PAPER_PHYSICS)).toBeCloseTo(0.00197673, 8);
  const out = { carbonKg: 0, waterLitres: 0, usd: 0 };
  pricesOfItKwh(3, 0.4, 1.8, 0.12, 1, PAPER_PHYSICS, out);
  expect(1.25 * out.carbonKg).toBeCloseTo(1.06697673, 8);
  expect(1.25 * out.usd).toBeCloseTo(0.3195, 12);
});

test("time to first token by equation 3", () => {
  const net = oneWaySeconds(1000, hops(1000, PAPER_NETWORK), PAPER_NETWORK);
  expect(hops(1000, PAPER_NETWORK)).toBe(3);
  expect(net).toBeCloseTo(0.0065, 12);
  expect(paperTtftSeconds(0, net, 12, 200)).toBeCloseTo(0.073, 12);
  expect(loadSeconds(140e9, 25e9)).toBeCloseTo(5.6, 12);
  expect(paperTtftSeconds(loadSeconds(140e9, 25e9), net, 12, 200)).toBeCloseTo(5.673, 12);
});

test("bytes of KV cache for a token", () => {
  expect(kvBytesPerToken(32, 32, 128)).toBe(524288);
  expect(kvBytesPerToken(32, 8, 128)).toBe(131072);
  expect(kvBytesPerToken(80, 8, 128)).toBe(327680);
});

test("great circles: a quarter of the equator, pole to pole, the date line", () => {
  const at = (latitude: number, longitude: number) => ({ name: "", latitude, longitude });
  expect(distanceKm(at(0, 0), at(0, 90))).toBeCloseTo((Math.PI / 2) * 6371.0088, 6);
  expect(distanceKm(at(90, 12), at(-90, 77))).toBeCloseTo(Math.PI * 6371.0088, 6);
  expect(distanceKm(at(0, 179), at(0, -179))).toBeCloseTo(((2 * Math.PI) / 180) * 6371.0088, 6);
  expect(distanceKm(at(10, 20), at(10, 20))).toBe(0);
});
