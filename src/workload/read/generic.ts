import { suggestion, UserError } from "../../errors.ts";
import type { ColumnName } from "../columns.ts";
import type { Trace } from "../trace.ts";
import type { Table, TableRow } from "./table.ts";
import {
  badValue,
  NameNumbers,
  type ReadOptions,
  readNotNegative,
  readTokens,
  requireColumn,
  SessionNumbers,
  TraceBuilder,
} from "./trace-builder.ts";

/** Columns of Canopy's own layout and the columns of a trace that they fill. */
const TARGETS = {
  arrival_s: "arrivalSeconds",
  prompt_tokens: "promptTokens",
  output_tokens: "outputTokens",
  tier: "tier",
  session: "session",
  step: "step",
  think_s: "thinkSeconds",
  prefix_tokens: "prefixTokens",
  endpoint: "endpoint",
  task_type: "taskType",
  needs_large: "needsLarge",
} as const satisfies Record<string, ColumnName>;

export type GenericColumn = keyof typeof TARGETS;
export const GENERIC_COLUMNS = Object.keys(TARGETS) as GenericColumn[];
const REQUIRED: readonly GenericColumn[] = ["arrival_s", "prompt_tokens", "output_tokens"];

export interface GenericOptions extends ReadOptions {
  /** Names in the file for columns of the generic layout, where they differ. */
  readonly columns?: Readonly<Partial<Record<GenericColumn, string>>>;
}

/**
 * Canopy's own layout, as CSV or Parquet: `arrival_s, prompt_tokens, output_tokens`, optional `tier, session, step,
 * think_s, prefix_tokens, endpoint, task_type, needs_large`; other columns are ignored.
 *
 * A row with an empty `arrival_s` is a dependent step: it follows the row above, of the same session, and arrives
 * `think_s` after that one's last token. Where `step` is missing the rows of a session are counted.
 */
export async function readGeneric(table: Table, options: GenericOptions): Promise<Trace> {
  const fields = findFields(table, options.columns ?? {});
  const reader = new GenericReader(table, fields, options);
  await table.each((row) => reader.row(row), Object.values(fields));
  return reader.finish();
}

type Fields = Partial<Record<GenericColumn, number>>;

function findFields(table: Table, names: Partial<Record<GenericColumn, string>>): Fields {
  for (const name of Object.keys(names)) {
    if (name in TARGETS) continue;
    throw new UserError(
      "CANOPY_TRACE_COLUMN",
      `${table.path}: columns.${name} is no column of a trace${suggestion(name, GENERIC_COLUMNS)}`,
    );
  }
  const fields: Fields = {};
  for (const column of GENERIC_COLUMNS) {
    const name = names[column];
    if (name !== undefined || REQUIRED.includes(column))
      fields[column] = requireColumn(table, name ?? column);
    else if (table.columns.includes(column)) fields[column] = table.columns.indexOf(column);
  }
  return fields;
}

class GenericReader {
  readonly #table: Table;
  readonly #fields: Fields;
  readonly #builder: TraceBuilder;
  readonly #tiers: NameNumbers;
  readonly #types = new NameNumbers();
  readonly #endpoints = new NameNumbers();
  readonly #sessions = new SessionNumbers();
  /** Rows so far of each session, where the file does not number them. */
  readonly #counted = new Map<number, number>();
  /** Arrival of a first step that was dropped: the next step of its session takes it. */
  #inherited = Number.NaN;
  /** Session of the row above. */
  #above = -1;

  constructor(table: Table, fields: Fields, options: GenericOptions) {
    this.#table = table;
    this.#fields = fields;
    const columns: ColumnName[] = (Object.keys(fields) as GenericColumn[]).map((name) => TARGETS[name]);
    if (fields.session !== undefined) columns.push("step");
    if (fields.session !== undefined && fields.think_s !== undefined) columns.push("thinkSeconds");
    this.#builder = new TraceBuilder(table, options, columns);
    this.#tiers = new NameNumbers(options.tiers?.map((tier) => tier.name));
  }

  row(row: TableRow): void {
    const { arrival_s, prompt_tokens, output_tokens, session } = this.#fields;
    const table = this.#table;
    const builder = this.#builder;
    builder.rowsRead++;
    const own = session === undefined || row.isEmpty(session) ? -1 : this.#sessions.of(row, session);
    const arrivalSeconds = this.#arrival(row, arrival_s as number, own);
    const added = builder.add(
      arrivalSeconds,
      readTokens(table, row, prompt_tokens as number),
      readTokens(table, row, output_tokens as number),
      row.line,
    );
    this.#above = own;
    this.#inherited = added < 0 ? arrivalSeconds : Number.NaN;
    if (added >= 0) this.#optional(row, added, own, Number.isNaN(arrivalSeconds));
  }

  finish(): Trace {
    const tiers = this.#fields.tier === undefined ? {} : { tiers: this.#tiers.names };
    return this.#builder.finish({ ...tiers, taskTypes: this.#types.names, endpoints: this.#endpoints.names });
  }

  #arrival(row: TableRow, field: number, session: number): number {
    if (!row.isEmpty(field))
      return readNotNegative(this.#table, row, field, "a number of seconds of at least 0");
    if (session < 0 || session !== this.#above) {
      throw badValue(
        this.#table,
        row,
        field,
        "a time; it may be empty only in a step that follows a row of its session",
      );
    }
    if (this.#fields.think_s === undefined) {
      throw badValue(this.#table, row, field, "a time; it may be empty only in a file with think_s");
    }
    return this.#inherited;
  }

  #optional(row: TableRow, at: number, session: number, dependent: boolean): void {
    const table = this.#table;
    const { tier, step, think_s, prefix_tokens, endpoint, task_type, needs_large } = this.#fields;
    const { columns } = this.#builder;
    if (tier !== undefined) columns.tier[at] = this.#tiers.of(table, row, tier, 256);
    if (needs_large !== undefined) columns.needsLarge[at] = readFlag(table, row, needs_large);
    if (columns.taskType !== undefined && task_type !== undefined)
      columns.taskType[at] = this.#types.of(table, row, task_type, 256);
    if (columns.endpoint !== undefined && endpoint !== undefined)
      columns.endpoint[at] = row.isEmpty(endpoint) ? -1 : this.#endpoints.of(table, row, endpoint);
    if (columns.prefixTokens !== undefined && prefix_tokens !== undefined) {
      const prefix = row.isEmpty(prefix_tokens) ? 0 : readTokens(table, row, prefix_tokens);
      if (prefix > columns.promptTokens[at]) {
        throw badValue(table, row, prefix_tokens, `at most the prompt's ${columns.promptTokens[at]} tokens`);
      }
      columns.prefixTokens[at] = prefix;
    }
    if (columns.thinkSeconds !== undefined && think_s !== undefined)
      columns.thinkSeconds[at] =
        dependent || !row.isEmpty(think_s)
          ? readNotNegative(table, row, think_s, "a number of seconds of at least 0")
          : 0;
    if (columns.session !== undefined) columns.session[at] = session;
    if (columns.step === undefined) return;
    if (step !== undefined) columns.step[at] = row.isEmpty(step) ? 0 : readTokens(table, row, step);
    else if (session >= 0) {
      const before = this.#counted.get(session) ?? 0;
      this.#counted.set(session, before + 1);
      columns.step[at] = before;
    }
  }
}

function readFlag(table: Table, row: TableRow, field: number): number {
  const text = row.text(field).toLowerCase();
  if (text === "1" || text === "true") return 1;
  if (text === "0" || text === "false" || text === "") return 0;
  throw badValue(table, row, field, "0, 1, true or false");
}
