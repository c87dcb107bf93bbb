import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSignalCsv } from "../../src/signal/read-csv.ts";
import { FakeProvider } from "../signal/providers/fake-provider.ts";
import { canopy, command, workFolder } from "./canopy.ts";

const LBS_PER_MWH = 0.45359237;
const server = new FakeProvider();

beforeAll(async () => {
  const point = (minute: string, value: number) => ({
    point_time: `2022-07-15T00:${minute}:00+00:00`,
    value,
  });
  server.answer = ({ path }) =>
    path === "/login"
      ? { body: { token: "t" } }
      : {
          body: {
            data: [point("00", 870), point("05", 860), point("10", 900)],
            meta: {
              data_point_period_seconds: 300,
              region: "CAISO_NORTH",
              signal_type: "co2_moer",
              units: "lbs_co2_per_mwh",
            },
          },
        };
  await server.start();
});
afterAll(() => server.stop());

function signals(args: readonly string[], cwd = workFolder()) {
  const env = {
    WATTTIME_API_URL: server.url,
    WATTTIME_USER: "ada",
    WATTTIME_PASSWORD: "secret",
    CANOPY_CACHE: join(cwd, "cache"),
  };
  return command(["signals", ...args], { cwd, env });
}

describe("canopy signals", () => {
  test("fetch --out writes a file that experiments read back as the same series", async () => {
    const cwd = workFolder();
    const range = ["--from", "2022-07-15", "--to", "2022-07-15T00:15Z"];
    const { code, stdout, stderr } = await signals(
      ["fetch", "watttime", "--zone", "CAISO_NORTH", ...range, "--out", "caiso.csv"],
      cwd,
    );
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: "",
      stderr: "3 values written to caiso.csv\n",
    });
    const series = await readSignalCsv(join(cwd, "caiso.csv"));
    expect(series.header).toMatchObject({
      quantity: "carbon-intensity",
      signal: "marginal",
      accounting: "direct",
      unit: "g/kWh",
    });
    expect([...series.times]).toEqual([0, 300, 600].map((s) => Date.UTC(2022, 6, 15) / 1000 + s));
    expect([...series.values]).toEqual([870, 860, 900].map((value) => value * LBS_PER_MWH));
  });

  test("latest prints the value that holds now", async () => {
    const { code, stdout } = await signals([
      "latest",
      "watttime",
      "--zone",
      "CAISO_NORTH",
      "--format",
      "json",
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: "canopy/signal-reading/1",
      value: 870 * LBS_PER_MWH,
      stale: false,
      header: { signal: "marginal" },
    });
  });

  test("without credentials says which, and where to get them", async () => {
    const { code, stdout, stderr } = await canopy(["signals", "latest", "electricity-maps", "--zone", "DE"], {
      env: { ELECTRICITY_MAPS_TOKEN: undefined, CANOPY_CACHE: workFolder() },
    });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error CANOPY_PROVIDER_CREDENTIALS: .*ELECTRICITY_MAPS_TOKEN.*https:\/\/.*\n$/);
  });
});
