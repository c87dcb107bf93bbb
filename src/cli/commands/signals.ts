import type { Command } from "commander";
import { suggestion, UserError } from "../../errors.ts";
import type { Column } from "../../report/table.ts";
import type { ProvidedSeries, SignalProvider } from "../../signal/providers/provider.ts";
import type { SignalHeader } from "../../signal/series.ts";
import { examples, type FormatOption, print, renderTable, withFormat } from "../output.ts";

const PROVIDERS = ["watttime", "electricity-maps"] as const;

interface ZoneOption extends FormatOption {
  readonly zone: string;
}

interface FetchOptions extends ZoneOption {
  readonly from?: string;
  readonly to?: string;
  readonly forecast?: true;
  readonly out?: string;
}

export function addSignalsCommands(program: Command): void {
  const group = program
    .command("signals")
    .description("carbon intensity from live providers (credentials are taken from the environment)");

  const fetch = group
    .command("fetch")
    .description("fetch a history or the current forecast of a zone")
    .argument("<provider>", PROVIDERS.join(" or "))
    .requiredOption("--zone <zone>", "zone in the provider's own words, e.g. CAISO_NORTH, DE")
    .option(
      "--from <time>",
      "first time, e.g. 2025-01-31 or 2025-01-31T13:00Z (UTC unless it says otherwise)",
    )
    .option("--to <time>", "end, itself not included")
    .option("--forecast", "the current forecast in place of a history")
    .option("--out <file.csv>", "write a file that signals: carbon: { path: … } of an experiment reads")
    .addHelpText(
      "after",
      examples([
        "canopy signals fetch watttime --zone CAISO_NORTH --from 2025-01-01 --to 2025-01-08 --out caiso.csv",
        "canopy signals fetch electricity-maps --zone DE --forecast",
      ]),
    );
  withFormat(fetch).action(fetchSeries);

  const latest = group
    .command("latest")
    .description("print the value that holds now")
    .argument("<provider>", PROVIDERS.join(" or "))
    .requiredOption("--zone <zone>", "zone in the provider's own words, e.g. CAISO_NORTH, DE")
    .addHelpText("after", examples(["canopy signals latest electricity-maps --zone DE --format json"]));
  withFormat(latest).action(printLatest);
}

async function providerOf(name: string): Promise<SignalProvider> {
  const { defaultCacheDirectory } = await import("../../signal/providers/cache.ts");
  const options = { cacheDirectory: defaultCacheDirectory() };
  switch (PROVIDERS.find((provider) => provider === name)) {
    case "watttime":
      return new (await import("../../signal/providers/watttime.ts")).WattTime(options);
    case "electricity-maps":
      return new (await import("../../signal/providers/electricity-maps.ts")).ElectricityMaps(options);
    default:
      throw new UserError("CANOPY_PROVIDER_UNKNOWN", `no provider "${name}"${suggestion(name, PROVIDERS)}`);
  }
}

async function fetchSeries(name: string, options: FetchOptions): Promise<void> {
  const provider = await providerOf(name);
  const series = options.forecast
    ? await provider.forecast(options.zone)
    : await provider.history(
        options.zone,
        await timeOption("--from", options.from),
        await timeOption("--to", options.to),
      );
  warnIfStale(series.stale, series.ageSeconds);
  const table = await seriesTable(series);
  if (options.out !== undefined) {
    const { writeFileAtomically } = await import("../../files.ts");
    await writeFileAtomically(options.out, await renderTable(table, "csv"));
    process.stderr.write(`${series.times.length} values written to ${options.out}\n`);
    return;
  }
  await print(options.format, {
    tables: [table],
    json: {
      schema: "canopy/signal/1",
      ...series.header,
      stale: series.stale,
      ageSeconds: series.ageSeconds,
      times: [...series.times],
      endSeconds: series.endSeconds,
      values: [...series.values],
    },
  });
}

async function printLatest(name: string, { zone, format }: ZoneOption): Promise<void> {
  const provider = await providerOf(name);
  const reading = await provider.latest(zone);
  warnIfStale(reading.stale, reading.ageSeconds);
  const { isoTime } = await import("../../signal/series.ts");
  const { header, timeSeconds, value } = reading;
  await print(format, {
    tables: [
      {
        title: `${header.zone} by ${header.source}`,
        columns: [{ key: "datetime_utc", header: "time (UTC)" }, valueColumn(header)],
        rows: [{ cells: { datetime_utc: isoTime(timeSeconds), [valueColumn(header).key]: value } }],
        notes: [],
      },
    ],
    json: { schema: "canopy/signal-reading/1", ...reading },
  });
}

async function seriesTable({ header, times, values }: ProvidedSeries) {
  const { isoTime } = await import("../../signal/series.ts");
  const column = valueColumn(header);
  return {
    title: `${header.zone} by ${header.source}`,
    columns: [{ key: "datetime_utc", header: "time (UTC)" }, column],
    rows: [...times].map((time, i) => ({ cells: { datetime_utc: isoTime(time), [column.key]: values[i] } })),
    notes: [],
  };
}

/** The key carries what a reader of the CSV file has to know: `marginal_direct_g_per_kwh`. */
function valueColumn({ signal, accounting, unit }: SignalHeader): Column {
  const words = [signal, accounting].filter((word) => word !== "none");
  return {
    key: [...words, unit.replace("/", "_per_").toLowerCase()].join("_"),
    header: words.join(" "),
    unit,
    digits: 6,
  };
}

async function timeOption(option: string, text: string | undefined): Promise<number> {
  if (text === undefined) {
    throw new UserError(
      "CANOPY_OPTION_VALUE",
      `a history needs ${option}, e.g. ${option} 2025-01-31T13:00Z; or give --forecast`,
    );
  }
  const { parseTimeStamp } = await import("../../signal/time-stamp.ts");
  const stamp = parseTimeStamp(text);
  if (stamp !== undefined) return stamp.seconds;
  throw new UserError(
    "CANOPY_OPTION_VALUE",
    `${option} ${text} is no time, expected e.g. 2025-01-31 or 2025-01-31T13:00Z`,
  );
}

function warnIfStale(stale: boolean, ageSeconds: number): void {
  if (!stale) return;
  process.stderr.write(
    `warning: the provider does not answer; this is its answer of ${Math.round(ageSeconds / 60)} min ago\n`,
  );
}
