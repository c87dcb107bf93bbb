import { describe, expect, test } from "vitest";
import type { RouterDefinition } from "../../src/routers/contract.ts";
import { findRouter, listRouters } from "../../src/routers/registry.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { type RunParts, track } from "../oracle/build.ts";
import { describeRuns, placementsOf, runRouter, suiteEndpoints, suiteRows } from "./contract-suite.ts";
import { suiteSettingOf } from "./suite-settings.ts";

describe("router contract", () => {
  for (const definition of listRouters()) describeRuns(definition, simulate, suiteSettingOf(definition.id));
});

test("no two routers agree on every placement, but for declared ablations and aliases", () => {
  const rows = suiteRows(4);
  const settings: Partial<RunParts>[] = [
    {},
    { latency: "e2e" },
    { endpoints: suiteEndpoints.map((e) => ({ ...e, maxOutstanding: 4 })) },
    // Where nothing needs the large model there is more to choose.
    { rows: rows.map((row) => ({ ...row, needsLarge: false })) },
    { endpoints: suiteEndpoints.map((e) => ({ ...e, model: 0 })) },
  ];
  // Those that agree so far; who differs from all others in one setting need not be run in the next.
  let alike: (readonly RouterDefinition[])[] = [listRouters()];
  for (const parts of settings) {
    const placements = (d: RouterDefinition) =>
      placementsOf(runRouter(simulate, d, { rows, ...parts }, suiteSettingOf(d.id)));
    alike = alike
      .flatMap((group) => [...groupBy(group, placements).values()])
      .filter(({ length }) => length > 1);
  }
  for (const [first, ...others] of alike) {
    for (const other of others) {
      const declared = first.ablationOf === other.id || other.ablationOf === first.id;
      if (!declared) expect.fail(`${other.id} places as ${first.id} does`);
    }
  }
});

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** Four equal endpoints in two regions that differ in carbon alone. */
const twins: Partial<RunParts> = {
  endpoints: [0, 0, 1, 1].map((region) => ({
    ...suiteEndpoints[2],
    region,
    group: region,
    roundTripSeconds: 0,
  })),
  rows: suiteRows(5).map((row) => ({ ...row, endpoint: "e0" })),
};
const intensities = (first: number, second: number) => [
  { carbon: track([[0, first]]) },
  { carbon: track([[0, second]]) },
];

/** Share of the placements of a tier (or of all) that went to the second region. */
function secondShare(definition: RouterDefinition, parts: Partial<RunParts>, tier?: number): number {
  const { placements, row } = runRouter(simulate, definition, { ...twins, ...parts }).sink;
  const counted = placements.filter((p) => tier === undefined || row(p.id).tier === tier);
  return counted.filter((p) => p.endpoint >= 2).length / counted.length;
}

describe.each(
  listRouters().flatMap((d) =>
    d.withoutCarbon === undefined ? [] : [[d.id, d, findRouter(d.withoutCarbon)] as const],
  ),
)("%s and carbon", (_, definition, without) => {
  test("constant intensity on endpoints that differ in region alone: the placements of its form without carbon", () => {
    const endpoints = suiteEndpoints.map((e) => ({
      ...e,
      law: suiteEndpoints[2].law,
      model: 0,
      usdPerReplicaHour: 9,
    }));
    const regions = [0, 1, 2].map(() => ({ carbon: track([[0, 321]]) }));
    const [own, other] = [definition, without].map((d) =>
      placementsOf(runRouter(simulate, d, { endpoints, regions })),
    );
    expect(own).toBe(other);
  });

  test("two regions that swap their intensities swap their shares", () => {
    const share = secondShare(definition, { regions: intensities(400, 150) });
    const swapped = secondShare(definition, { regions: intensities(150, 400) });
    expect(share).toBeGreaterThan(0.5);
    expect(swapped).toBeCloseTo(1 - share, 1);
  });

  test("an empty region without carbon draws deferrable work", () => {
    const regions = intensities(400, 0);
    const deferrable = 2;
    const share = secondShare(definition, { regions }, deferrable);
    expect(share).toBeGreaterThan(0.7);
    expect(share).toBeGreaterThan(secondShare(without, { regions }, deferrable) + 0.1);
  });

  test("carbon that changes at second 300 is seen then, and not before", () => {
    const late = (atSeconds: number) => [
      { carbon: track([[0, 100]]) },
      {
        carbon: track([
          [0, 300],
          [atSeconds, 1],
        ]),
      },
    ];
    const before = placementsOf(runRouter(simulate, definition, { ...twins, regions: late(1) }));
    // The gateway fetches every 300 s and the workload lasts 20: a change at 1 s changes nothing.
    expect(before).toBe(placementsOf(runRouter(simulate, definition, { ...twins, regions: late(1e6) })));
    const soon = runRouter(simulate, definition, { ...twins, regions: late(1), signalIntervalSeconds: 5 });
    expect(placementsOf(soon)).not.toBe(before);
  });
});

describe.each(["least-loaded", "shortest-queue", "power-of-two"])("%s", (id) => {
  test("starves no idle endpoint: four equal ones get near equal shares", () => {
    const endpoints = [0, 1, 2, 3].map(() => ({ ...suiteEndpoints[2], region: 0, group: 0 }));
    for (const telemetryIntervalSeconds of [0, 0.1, 1]) {
      const { sink } = runRouter(simulate, findRouter(id), {
        endpoints,
        rows: suiteRows(6).map((row) => ({ ...row, endpoint: "e0" })),
        telemetryIntervalSeconds,
      });
      const shares = endpoints.map(
        (_, e) => sink.placements.filter((p) => p.endpoint === e).length / sink.placements.length,
      );
      for (const share of shares) expect(share).toBeGreaterThan(0.125);
    }
  });
});
