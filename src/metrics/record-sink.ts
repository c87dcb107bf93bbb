import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import type { Fleet } from "../fleet/fleet.ts";
import type { RecordColumns, RecordSink } from "../simulator/options.ts";
import { allowedHoldSeconds, type Tier } from "../workload/requests.ts";
import { dispatchLatency, type ServiceClock } from "../workload/service-clock.ts";

/** Columns of a request record, in order; seconds from the start of the run, empty where a request never got so far. `correct`: simulated correctness, 1 or 0. */
export const RECORD_COLUMNS = [
  "request_id",
  "router",
  "endpoint",
  "region",
  "model",
  "session",
  "arrival_s",
  "dispatched_s",
  "held_s",
  "started_s",
  "first_token_s",
  "finished_s",
  "prompt_tokens",
  "output_tokens",
  "tier",
  "status",
  "reason",
  "preemptions",
  "ttft_s",
  "e2e_s",
  "slo_met",
  "energy_j",
  "cost_usd",
  "carbon_g",
  "water_l",
  "tenant",
  "correct",
] as const;

export interface RecordOptions {
  /** Label of the router, for its column. */
  readonly router: string;
  readonly fleet: Fleet;
  readonly tiers: readonly Tier[];
  /** Which latency the objectives bound. */
  readonly latency: "ttft" | "e2e";
  /** From when that latency counts. */
  readonly clock: ServiceClock;
  /** Leave cost, carbon or water empty because the experiment does not know them. */
  readonly costUnknown?: boolean;
  readonly carbonUnknown?: boolean;
  readonly waterUnknown?: boolean;
}

/** Text gathered before it is written. */
const BUFFER_CHARACTERS = 1 << 18;

/**
 * Writes one CSV row for each request as it ends: the order of the rows is the order of the ends, which depends on
 * the run's inputs alone. Close it when the run is over.
 */
export class CsvRecordSink implements RecordSink {
  readonly #options: RecordOptions;
  readonly #file: number;
  #columns: RecordColumns | undefined;
  #text = `${RECORD_COLUMNS.join(",")}\n`;
  readonly #router: string;
  readonly #places: readonly string[];
  readonly #tiers: readonly string[];

  /** Opens the file anew. @throws the error of the file system when it cannot be written */
  constructor(path: string, options: RecordOptions) {
    this.#options = options;
    this.#file = openSync(path, "w");
    this.#router = cell(options.router);
    const { regions, models, endpoints } = options.fleet;
    this.#places = endpoints.map(({ name, region, model }) =>
      [name, regions[region].name, models[model].name].map(cell).join(","),
    );
    this.#tiers = options.tiers.map((tier) => cell(tier.name));
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  placed(): void {}

  weights(): void {}

  finished(request: number): void {
    this.#write(request, "finished", "");
  }

  rejected(request: number, reason: string): void {
    this.#write(request, "rejected", cell(reason));
  }

  unfinished(request: number): void {
    this.#write(request, "unfinished", "");
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #write(r: number, status: string, reason: string): void {
    const c = this.#columns;
    if (c === undefined) throw new Error("a sink got a record before begin");
    const { tiers, latency, clock, costUnknown, carbonUnknown, waterUnknown } = this.#options;
    const place = c.endpoint[r] < 0 ? ",," : this.#places[c.endpoint[r]];
    const tier = tiers[c.tier[r]];
    const seconds = latency === "ttft" ? c.ttftSeconds[r] : c.e2eSeconds[r];
    const counted =
      clock === "arrival" ? seconds : dispatchLatency(seconds, c.heldSeconds[r], allowedHoldSeconds(tier));
    const met = status === "finished" && counted <= tier.sloSeconds;
    this.#text +=
      `${c.id[r]},${this.#router},${place},${c.session[r] < 0 ? "" : c.session[r]},` +
      `${number(c.arrivalSeconds[r])},${number(c.dispatchedSeconds[r])},${number(c.heldSeconds[r])},` +
      `${number(c.startedSeconds[r])},${number(c.firstTokenSeconds[r])},${number(c.finishedSeconds[r])},` +
      `${c.promptTokens[r]},${c.producedTokens[r]},${this.#tiers[c.tier[r]]},${status},${reason},` +
      `${c.preemptions[r]},${number(c.ttftSeconds[r])},${number(c.e2eSeconds[r])},${met},` +
      `${number(c.energyJoules[r])},${costUnknown ? "" : number(c.costUsd[r])},` +
      `${carbonUnknown ? "" : number(c.carbonGrams[r])},` +
      `${waterUnknown ? "" : number(c.waterLitres[r])},` +
      `${c.tenant[r] < 0 ? "" : c.tenant[r]},${c.correct[r] > 1 ? "" : c.correct[r]}\n`;
    if (this.#text.length >= BUFFER_CHARACTERS) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#text, "utf8");
    this.#text = "";
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at);
  }
}

/**
 * Turns request records into Parquet (zstd) with DuckDB, which is loaded only here.
 *
 * @param csvPath a file of {@link CsvRecordSink}; it is deleted
 * @param further DuckDB types of columns that follow those of a record
 */
export async function recordsToParquet(
  csvPath: string,
  parquetPath: string,
  further: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
    const own = RECORD_COLUMNS.map((name) => [name, PARQUET_TYPES[name] ?? "DOUBLE"] as const);
    const types = [...own, ...Object.entries(further)].map(
      ([name, type]) => `${quote(name)}: ${quote(type)}`,
    );
    await connection.run(
      `COPY (SELECT * FROM read_csv(${quote(csvPath)}, header = true, columns = {${types.join(", ")}})) ` +
        `TO ${quote(parquetPath)} (FORMAT parquet, COMPRESSION zstd)`,
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  unlinkSync(csvPath);
}

const PARQUET_TYPES: Partial<Record<(typeof RECORD_COLUMNS)[number], string>> = {
  request_id: "BIGINT",
  router: "VARCHAR",
  endpoint: "VARCHAR",
  region: "VARCHAR",
  model: "VARCHAR",
  session: "BIGINT",
  prompt_tokens: "INTEGER",
  output_tokens: "INTEGER",
  tier: "VARCHAR",
  status: "VARCHAR",
  reason: "VARCHAR",
  preemptions: "INTEGER",
  slo_met: "BOOLEAN",
  tenant: "INTEGER",
  correct: "INTEGER",
};

function number(value: number): string {
  return Number.isNaN(value) ? "" : String(value);
}

/** RFC 4180: quotes where a comma, a quote or a line break asks for them. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
