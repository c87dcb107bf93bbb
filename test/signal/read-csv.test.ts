import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ReadSignalOptions, readSignalCsv } from "../../src/signal/read-csv.ts";
import { isoTime, type StepSeries, statistics, valueAt } from "../../src/signal/series.ts";
import { dataRoot, describeWithData } from "../data-root.ts";

const folder = mkdtempSync(join(tmpdir(), "canopy-signal-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, ...lines: string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.join("\n"));
  return path;
}

/** The error that reading throws, as `CODE message`. */
async function failure(path: string, options?: ReadSignalOptions): Promise<string> {
  try {
    await readSignalCsv(path, options);
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message.replaceAll(`${folder}/`, "")}`;
  }
  return "read without error";
}

function points(series: StepSeries): [string, number][] {
  return Array.from(series.times, (t, i) => [isoTime(t), series.values[i]]);
}

describe("generic files", () => {
  test("every spelling of a time is the same instant", async () => {
    const spellings = [
      "2025-01-01T00:00Z",
      "2025-01-01T00:00:00Z",
      "2025-01-01 00:00:00.000",
      "2025-01-01T01:00:00+01:00",
      "2024-12-31T19:00-0500",
      "2025-01-01 00:00:00+00:00",
      "2025-01-01 00:00 UTC",
      "2025-01-01",
      "1735689600",
      "1735689600000",
    ];
    for (const first of spellings) {
      const series = await readSignalCsv(
        file("g.csv", "time,carbon_intensity", `${first},100`, "2025-01-01T01:00Z,50"),
      );
      expect([first, ...points(series)]).toEqual([
        first,
        ["2025-01-01T00:00:00Z", 100],
        ["2025-01-01T01:00:00Z", 50],
      ]);
      expect(isoTime(series.endSeconds)).toBe("2025-01-01T02:00:00Z");
    }
  });

  test("byte-order mark, CRLF, quotes and empty lines do no harm", async () => {
    const path = file(
      "q.csv",
      '\uFEFF"datetime",note,"value"\r',
      '2025-01-01T00:00Z,"a, ""b""",1\r',
      "\r",
      "2025-01-01T01:00Z,,2\r",
    );
    expect((await readSignalCsv(path)).values).toEqual(Float64Array.of(1, 2));
  });

  test("wide files: a column for each zone, prices in USD/MWh become USD/kWh", async () => {
    const path = file(
      "p_usd_per_mwh_2024.csv",
      "datetime_utc,DE,FR",
      "2024-01-01T00:00Z,80,-10",
      "2024-01-01T01:00Z,90,20",
    );
    const series = await readSignalCsv(path, { zone: "FR" });
    expect(series.values).toEqual(Float64Array.of(-0.01, 0.02));
    expect(series.header).toEqual({
      quantity: "price",
      unit: "usd/kWh",
      signal: "none",
      accounting: "none",
      zone: "FR",
      source: "p_usd_per_mwh_2024.csv",
      provenance: "published",
    });
    expect(await failure(path)).toBe(
      "CANOPY_SIGNAL_COLUMN p_usd_per_mwh_2024.csv has the value columns DE, FR: set zone or column",
    );
    expect(await failure(path, { zone: "FRA" })).toContain('none is zone "FRA" (did you mean "FR"?)');
    expect(await failure(path, { column: "FI" })).toContain('no column "FI" (did you mean "FR"?)');
  });

  test("a file of one zone is not read for another", async () => {
    const path = file("one.csv", "datetime,DE", "2024-01-01T00:00Z,80", "2024-01-01T01:00Z,90");
    expect((await readSignalCsv(path)).header.zone).toBe("DE");
    expect(await failure(path, { zone: "FR" })).toContain('none is zone "FR"');
  });

  test("names say unit, signal and accounting; options override", async () => {
    const rows = ["2024-01-01T00:00Z,1000", "2024-01-01T01:00Z,500"];
    const lbs = await readSignalCsv(file("a.csv", "time,moer_lbs_per_mwh", ...rows));
    expect(lbs.values).toEqual(Float64Array.of(453.59237, 226.796185));
    expect(lbs.header.signal).toBe("marginal");
    expect((await readSignalCsv(file("ci_lca.csv", "time,X", ...rows))).header).toMatchObject({
      signal: "average",
      accounting: "lifecycle",
      zone: "X",
    });
    const told = { signal: "marginal", accounting: "direct", unit: "lbs/MWh", zone: "Z" } as const;
    const series = await readSignalCsv(file("b.csv", "time,intensity", ...rows), told);
    expect(series.header).toMatchObject({ signal: "marginal", accounting: "direct", zone: "Z" });
    expect(series.values[0]).toBe(453.59237);
  });
});

describe("providers' exports", () => {
  const tail = ['2024-01-01 00:00:00,Ireland,Ireland,IE,100.5,120.25,50,40,"eirgrid.ie, sem-o",false,'];
  for (const header of [
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method",
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),Carbon Intensity gCO₂eq/kWh (LCA),Low Carbon Percentage,Renewable Percentage,Data Source,Data Estimated,Data Estimation Method",
  ]) {
    test(`Electricity Maps, ${header.slice(30, 55)}`, async () => {
      const rows = [
        ...tail,
        "2024-01-01 01:00:00,Ireland,Ireland,IE,90,110,50,40,x,true,TIME_SLICER_AVERAGE",
      ];
      const path = file("IE_2024_hourly.csv", header, ...rows);
      const lifecycle = await readSignalCsv(path);
      expect(lifecycle.values).toEqual(Float64Array.of(120.25, 110));
      expect(lifecycle.header).toMatchObject({ zone: "IE", signal: "average", accounting: "lifecycle" });
      const direct = await readSignalCsv(path, { accounting: "direct", zone: "IE" });
      expect(direct.values).toEqual(Float64Array.of(100.5, 90));
      expect(direct.header.accounting).toBe("direct");
      expect(await failure(path, { zone: "IR" })).toBe(
        'CANOPY_SIGNAL_ZONE IE_2024_hourly.csv has no zone "IR" (did you mean "IE"?)',
      );
      const both = file("two.csv", header, ...rows, rows[0].replace(",IE,", ",GB,"));
      expect(await failure(both)).toContain("several zones; set zone to one of IE, GB");
      expect((await readSignalCsv(both, { zone: "IE" })).values.length).toBe(2);
    });
  }

  test("WattTime's client writes point_time,value in lbs/MWh", async () => {
    const path = file(
      "CAISO_NORTH_co2_moer_2022-07-15_2022-07-16.csv",
      "point_time,value",
      "2022-07-15 00:00:00+00:00,870",
      "2022-07-15 00:05:00+00:00,860",
    );
    const series = await readSignalCsv(path, { zone: "CAISO_NORTH" });
    expect(series.values[0]).toBeCloseTo(394.6253619, 9);
    expect(series.endSeconds - series.times[0]).toBe(600);
    expect(series.header).toMatchObject({ signal: "marginal", accounting: "direct", zone: "CAISO_NORTH" });
  });

  test("WattTime's values already in g/kWh are left alone", async () => {
    const path = file(
      "m.csv",
      "point_time_utc,moer_g_per_kwh",
      "2023-06-08T00:00Z,425.02",
      "2023-06-08T00:05Z,432",
    );
    expect((await readSignalCsv(path)).values[0]).toBe(425.02);
  });
});

describe("local time", () => {
  const autumn = ["2022-10-30T00:30,1", "2022-10-30T01:00,2", "2022-10-30T01:30,3", "2022-10-30T01:00,4"];
  test("a repeated hour is read twice, in order", async () => {
    const path = file("l.csv", "local_time,value", ...autumn, "2022-10-30T01:30,5", "2022-10-30T02:00,6");
    const series = await readSignalCsv(path, { timeZone: "Europe/Dublin" });
    expect(points(series).map(([time]) => time.slice(11, 16))).toEqual([
      "23:30",
      "00:00",
      "00:30",
      "01:00",
      "01:30",
      "02:00",
    ]);
  });

  test("a skipped hour may be blank, not hold a value", async () => {
    const spring = ["2022-03-27T00:00,1", "2022-03-27T00:30,2", "2022-03-27T01:00,", "2022-03-27T01:30,"];
    const after = ["2022-03-27T02:00,3", "2022-03-27T02:30,4"];
    const path = file("s.csv", "local_time,value", ...spring, ...after);
    expect((await readSignalCsv(path, { timeZone: "Europe/Dublin" })).values).toEqual(
      Float64Array.of(1, 2, 3, 4),
    );
    const bad = file("t.csv", "local_time,value", "2022-03-27T00:00,1", "2022-03-27T01:30,9", ...after);
    expect(await failure(bad, { timeZone: "Europe/Dublin" })).toContain(
      "CANOPY_SIGNAL_TIME t.csv, line 3: 2022-03-27T01:30 does not exist in Europe/Dublin",
    );
  });

  test("the zone must be told and known", async () => {
    const path = file("u.csv", "local_time,value", ...autumn);
    expect(await failure(path)).toContain(
      'CANOPY_TIME_ZONE u.csv: column "local_time" is in local time; set timeZone',
    );
    expect(await failure(path, { timeZone: "Europe/Dubln" })).toContain('unknown time zone "Europe/Dubln"');
  });
});

describe("gaps and blanks", () => {
  const head = ["time,value", "2025-01-01T00:00Z,10", "2025-01-01T01:00Z,20"];
  const blank = file(
    "blank.csv",
    ...head,
    "2025-01-01T02:00Z,",
    "2025-01-01T03:00Z,NaN",
    "2025-01-01T04:00Z,50",
  );
  const hole = file("hole.csv", ...head, "2025-01-01T04:00Z,50", "2025-01-01T05:00Z,60");

  test("are errors that name file, line, column and remedy", async () => {
    expect(await failure(blank)).toBe(
      'CANOPY_SIGNAL_GAP blank.csv, line 4, column "value": no value from 2025-01-01T02:00:00Z to ' +
        "2025-01-01T04:00:00Z; set fill: hold or fill: linear to accept gaps of up to 6 h (fillLimitSeconds)",
    );
    expect(await failure(hole)).toContain(
      'hole.csv, line 4, column "value": no value from 2025-01-01T02:00:00Z',
    );
  });

  test("hold and linear fill both kinds alike", async () => {
    for (const path of [blank, hole]) {
      const held = await readSignalCsv(path, { fill: "hold" });
      const at = (series: StepSeries, hour: number) => valueAt(series, Date.UTC(2025, 0, 1, hour) / 1000);
      expect([1, 2, 3, 4].map((hour) => at(held, hour))).toEqual([20, 20, 20, 50]);
      const joined = await readSignalCsv(path, { fill: "linear" });
      expect([1, 2, 3, 4].map((hour) => at(joined, hour))).toEqual([20, 30, 40, 50]);
      expect(joined.header.source).toContain("2 points filled");
    }
  });

  test("beyond the limit nothing is filled", async () => {
    expect(await failure(hole, { fill: "hold", fillLimitSeconds: 3600 })).toContain(
      "longer than the 1 h that fill: hold accepts; raise fillLimitSeconds",
    );
  });

  test("blanks at the start and the end shorten the series", async () => {
    const path = file(
      "ends.csv",
      "UTC time,value",
      "2024-12-31T23:00Z,",
      ...head.slice(1),
      "2025-01-01T02:00Z,",
      "2025-01-01T03:00Z,",
    );
    const series = await readSignalCsv(path);
    expect(points(series)).toEqual([
      ["2025-01-01T00:00:00Z", 10],
      ["2025-01-01T01:00:00Z", 20],
    ]);
    expect(isoTime(series.endSeconds)).toBe("2025-01-01T02:00:00Z");
  });

  test("a finer stretch in a coarser file is no gap", async () => {
    const path = file(
      "mixed.csv",
      ...head,
      "2025-01-01T01:30Z,1",
      "2025-01-01T02:00Z,2",
      "2025-01-01T03:00Z,3",
      "2025-01-01T04:00Z,3",
    );
    expect((await readSignalCsv(path)).values.length).toBe(6);
  });
});

describe("other mistakes", () => {
  const row = "2025-01-01T00:00Z,1";
  test.each([
    [
      ["time,value", row, row],
      'CANOPY_SIGNAL_DUPLICATE_TIME x.csv, line 3, column "value": 2025-01-01T00:00:00Z appears twice',
    ],
    [
      ["time,value", row, "2024-12-31T00:00Z,1"],
      'CANOPY_SIGNAL_TIME_ORDER x.csv, line 3, column "value": 2024-12-31',
    ],
    [
      ["time,value", row, "2025-01-01T01:00Z,lots"],
      'CANOPY_SIGNAL_VALUE x.csv, line 3, column "value": "lots" is not a number',
    ],
    [
      ["time,value", row, "2025-02-30T01:00Z,1"],
      'CANOPY_SIGNAL_TIME x.csv, line 3, column "time": "2025-02-30T01:00Z" is no time',
    ],
    [["a,b", row], "CANOPY_SIGNAL_COLUMN x.csv, line 1: no time column among a, b"],
    [["time,value"], "CANOPY_SIGNAL_EMPTY signal file x.csv: it has a header and no rows"],
    [["time,value", row], "CANOPY_SIGNAL_EMPTY x.csv: 1 values"],
    [[""], "CANOPY_SIGNAL_EMPTY signal file x.csv: it is empty"],
  ])("%j", async (lines, message) => {
    expect(await failure(file("x.csv", ...lines))).toContain(message);
  });

  test("a missing file", async () => {
    expect(await failure(join(folder, "none.csv"))).toBe(
      'CANOPY_FILE_MISSING signal file none.csv: no such file (did you mean "one.csv"?)',
    );
  });
});

describeWithData("the reference data reads to its documented statistics", () => {
  const read = (path: string, options: ReadSignalOptions) =>
    readSignalCsv(join(dataRoot as string, path), options);
  const rounded = (series: StepSeries) => {
    const { min, mean, max } = statistics(series);
    return [Math.round(min), Math.round(mean), Math.round(max)];
  };

  test("CAISO and PJM 2024, life cycle and direct", async () => {
    const lca = "carbon-electricitymaps/ci_lca_2024_hourly.csv";
    expect(rounded(await read(lca, { zone: "US-CAL-CISO" }))).toEqual([51, 226, 423]);
    expect(rounded(await read(lca, { zone: "US-MIDA-PJM" }))).toEqual([266, 392, 522]);
    const direct = await read("carbon-electricitymaps/ci_direct_2024_hourly.csv", { zone: "US-CAL-CISO" });
    expect(rounded(direct)).toEqual([20, 168, 325]);
    expect(direct.header.accounting).toBe("direct");
  });

  test("the CEDAR triple at 5 minutes", async () => {
    const path = "carbon-cedar-2022q1-derived/three_aws_regions_2022q1_5min_interpolated.csv";
    expect(rounded(await read(path, { column: "us-east-1_PJM" }))).toEqual([278, 374, 465]);
    expect(rounded(await read(path, { column: "us-west-2_BPAT_eia" }))).toEqual([24, 48, 72]);
    expect(rounded(await read(path, { column: "eu-west-1_IE_eirgrid" }))).toEqual([117, 297, 539]);
  });

  test("WattTime's MOER is marginal, g/kWh, 5 minutes", async () => {
    const moer = await read("carbon-watttime-caiso-2023/caiso_north_moer_actual_5min.csv", {
      zone: "CAISO_NORTH",
    });
    expect(rounded(moer)).toEqual([35, 355, 463]);
    expect(moer.times.length).toBe(8928);
    expect(moer.header).toMatchObject({ signal: "marginal", unit: "g/kWh" });
  });

  test("EirGrid in Dublin time, with its holes", async () => {
    const path = "carbon-eirgrid/ireland_roi_co2_intensity_15min_2021-2024feb.csv";
    await expect(read(path, { timeZone: "Europe/Dublin" })).rejects.toThrow(
      expect.objectContaining({ code: "CANOPY_SIGNAL_GAP" }),
    );
    const series = await read(path, {
      timeZone: "Europe/Dublin",
      fill: "hold",
      fillLimitSeconds: 12 * 3600,
      zone: "IE",
    });
    expect(rounded(series)).toEqual([53, 279, 597]);
    expect(valueAt(series, Date.UTC(2022, 2, 27, 1, 0) / 1000)).toBe(382);
  });

  test("wholesale prices become USD/kWh", async () => {
    const pjm = await read("electricity-prices/wholesale_usd_per_mwh_2024_hourly.csv", {
      zone: "US-MIDA-PJM",
    });
    expect(statistics(pjm).mean).toBeCloseTo(0.0362, 4);
    expect(pjm.header.quantity).toBe("price");
  });
});
