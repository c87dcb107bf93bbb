import { kendallTau } from "../numeric/rank.ts";
import { convertUnit } from "./units.ts";
import {
  DEFAULT_RULES,
  hasSign,
  judgeAbsolute,
  judgeRatio,
  type Verdict,
  type VerdictRules,
} from "./verdict.ts";

/** A figure that a paper prints. */
export interface PublishedFigure {
  readonly router: string;
  readonly metric: string;
  /** A finite number: the quantity itself, or its ratio to the value of the router named by `ratioTo`. */
  readonly value: number;
  /** Unit of the value; default: that of the run. */
  readonly unit?: string;
  /** Set when the paper gives only a ratio ("18.67 % less than Q-learning" is the value 0.8133). */
  readonly ratioTo?: string;
  /** Set when the absolute value cannot be compared: why, in numbers. */
  readonly comparable?: { readonly reason: string };
  /** What a reader has to know of the figure; it begins the note of its row. */
  readonly note?: string;
}

/** A figure of the run, the mean over its seeds. */
export interface RunFigure {
  readonly router: string;
  readonly metric: string;
  /** null when the run could not tell. */
  readonly value: number | null;
  readonly unit?: string;
  /** Why the value is null. */
  readonly reason?: string;
  /** 95 % interval of the ratio to `CompareOptions.baseline`, paired by seed. */
  readonly ratioInterval?: readonly [low: number, high: number];
}

export interface CompareOptions {
  /** Router whose values the others are divided by; without it only ratios that the paper itself states. */
  readonly baseline?: string;
  /** Quantities that were fitted to the paper's. */
  readonly calibrated?: readonly { readonly router: string; readonly metric: string }[];
  /** Tolerance and least change; default: 20 % and 1 %. */
  readonly rules?: VerdictRules;
}

export interface ComparisonRow {
  readonly system: string;
  readonly metric: string;
  /** Unit of `paper` and `run`. */
  readonly unit: string;
  /** In the run's unit where the paper's can be converted, else as printed; null when the paper gives a ratio only. */
  readonly paper: number | null;
  readonly run: number | null;
  readonly baseline: string | null;
  readonly ratioToBaselinePaper: number | null;
  readonly ratioToBaselineRun: number | null;
  readonly calibrated: boolean;
  /** Of the absolute value; null when the paper gives none. */
  readonly absoluteVerdict: Verdict | null;
  /** Of the ratio to the baseline; null when the paper gives none, and for the baseline itself. */
  readonly ratioVerdict: Verdict | null;
  /** The row's one word: of the ratio where it could be judged, else of the absolute value. */
  readonly verdict: Verdict;
  /** Sentences that explain the verdicts; for `not comparable` with the numbers. */
  readonly note: string;
}

/** Whether the run puts the systems in the paper's order. */
export interface RankAgreement {
  readonly metric: string;
  /** Systems with a value on both sides. */
  readonly systems: readonly string[];
  /** Kendall's tau-b, 1 for the same order; null when fewer than two systems or one side has no order. */
  readonly tau: number | null;
}

export interface Comparison {
  readonly rows: readonly ComparisonRow[];
  readonly ranks: readonly RankAgreement[];
}

/**
 * Compares the run with the paper (metrics specification, section 11): a row for each published figure, in the order
 * given, with verdicts by `judgeAbsolute` and `judgeRatio`.
 *
 * - A ratio divides each side's values in that side's own unit, so it is judged also where the absolute values are
 *   `not comparable` for their unit or setup.
 * - `not comparable` is further a figure for which the run has no value, and a ratio whose baseline in the run is
 *   missing or not above 0. A paper's baseline that is missing or not above 0 makes no ratio to judge: null.
 * - A change that the paper puts below the least change has no sign; the note says so.
 * - A calibrated figure gets the word `calibrated`; rows that have it as their baseline are predictions and are judged.
 * - Ranks are over the absolute values, comparable or not, as long as the paper's convert into each other; a pair of
 *   systems that are both calibrated does not count.
 *
 * @throws RangeError if the run gives a figure twice or a published value is not finite
 */
export function compare(
  published: readonly PublishedFigure[],
  runs: readonly RunFigure[],
  options: CompareOptions = {},
): Comparison {
  const context = new Context(published, runs, options);
  return {
    rows: published.map((figure) => compareFigure(figure, context)),
    ranks: [...new Set(published.map((figure) => figure.metric))].map((metric) =>
      rankAgreement(metric, context),
    ),
  };
}

class Context {
  readonly baseline: string | undefined;
  readonly rules: VerdictRules;
  readonly published: readonly PublishedFigure[];
  readonly #runs = new Map<string, RunFigure>();
  readonly #calibrated: ReadonlySet<string>;

  constructor(published: readonly PublishedFigure[], runs: readonly RunFigure[], options: CompareOptions) {
    this.baseline = options.baseline;
    this.rules = options.rules ?? DEFAULT_RULES;
    this.published = published;
    this.#calibrated = new Set(options.calibrated?.map(({ router, metric }) => keyOf(router, metric)));
    for (const figure of published) {
      if (!Number.isFinite(figure.value)) {
        throw new RangeError(
          `compare: the published ${figure.metric} of ${figure.router} is ${figure.value}`,
        );
      }
    }
    for (const run of runs) {
      const key = keyOf(run.router, run.metric);
      if (this.#runs.has(key)) {
        throw new RangeError(`compare: the run gives ${run.metric} of ${run.router} twice`);
      }
      this.#runs.set(key, run);
    }
  }

  run(router: string, metric: string): RunFigure | undefined {
    return this.#runs.get(keyOf(router, metric));
  }

  paper(router: string, metric: string): PublishedFigure | undefined {
    return this.published.find(
      (figure) => figure.router === router && figure.metric === metric && figure.ratioTo === undefined,
    );
  }

  /** Unit of a published value: its own, else that of the run. */
  unitOf(figure: PublishedFigure): string {
    return figure.unit ?? this.run(figure.router, figure.metric)?.unit ?? "";
  }

  isCalibrated(router: string, metric: string): boolean {
    return this.#calibrated.has(keyOf(router, metric));
  }
}

function keyOf(router: string, metric: string): string {
  return `${router}\u0000${metric}`;
}

function compareFigure(figure: PublishedFigure, context: Context): ComparisonRow {
  const calibrated = context.isCalibrated(figure.router, figure.metric);
  const notes = [...(figure.note === undefined ? [] : [figure.note])];
  if (calibrated) notes.push("fitted to the paper");
  const run = context.run(figure.router, figure.metric);
  const absolute = compareAbsolute(figure, run, calibrated, context, notes);
  const ratio = compareRatio(figure, run, calibrated, context, notes);
  return {
    system: figure.router,
    metric: figure.metric,
    ...absolute,
    run: run?.value ?? null,
    ...ratio,
    calibrated,
    verdict: rowVerdict(absolute.absoluteVerdict, ratio.ratioVerdict),
    note: notes.join("; "),
  };
}

function rowVerdict(absolute: Verdict | null, ratio: Verdict | null): Verdict {
  if (ratio !== null && ratio !== "not comparable") return ratio;
  return absolute ?? "not comparable";
}

function compareAbsolute(
  figure: PublishedFigure,
  run: RunFigure | undefined,
  calibrated: boolean,
  context: Context,
  notes: string[],
): Pick<ComparisonRow, "unit" | "paper" | "absoluteVerdict"> {
  const paperUnit = context.unitOf(figure);
  const unit = run?.unit ?? (figure.ratioTo === undefined ? paperUnit : "");
  const value = run?.value ?? null;
  if (value === null) notes.push(whyNoValue(run));
  if (figure.ratioTo !== undefined) return { unit, paper: null, absoluteVerdict: null };

  const converted = convertUnit(figure.value, paperUnit, unit);
  const paper = converted ?? figure.value;
  if (figure.comparable !== undefined || converted === undefined) {
    if (figure.comparable !== undefined) notes.push(figure.comparable.reason);
    if (converted === undefined) notes.push(`no conversion from ${unitName(paperUnit)} to ${unitName(unit)}`);
    if (value !== null) notes.push(arithmetic(figure.value, paperUnit, value, unit, converted));
    return { unit, paper, absoluteVerdict: "not comparable" };
  }
  if (value === null) return { unit, paper, absoluteVerdict: "not comparable" };
  return {
    unit,
    paper,
    absoluteVerdict: calibrated ? "calibrated" : judgeAbsolute(value, paper, context.rules),
  };
}

function compareRatio(
  figure: PublishedFigure,
  run: RunFigure | undefined,
  calibrated: boolean,
  context: Context,
  notes: string[],
): Pick<ComparisonRow, "baseline" | "ratioToBaselinePaper" | "ratioToBaselineRun" | "ratioVerdict"> {
  const baseline = figure.ratioTo ?? context.baseline ?? null;
  if (baseline === null) {
    return { baseline, ratioToBaselinePaper: null, ratioToBaselineRun: null, ratioVerdict: null };
  }
  const ofPaper = paperRatio(figure, baseline, context, notes);
  const ofRun = runRatio(figure, run, baseline, context);
  const ratios = { baseline, ratioToBaselinePaper: ofPaper, ratioToBaselineRun: ofRun };
  if (ofPaper === null || baseline === figure.router) return { ...ratios, ratioVerdict: null };
  if (ofRun === null) {
    notes.push(...whyNoRatio(context.run(baseline, figure.metric), baseline));
    return { ...ratios, ratioVerdict: "not comparable" };
  }
  if (calibrated) return { ...ratios, ratioVerdict: "calibrated" };
  const [low, high] = (baseline === context.baseline && run?.ratioInterval) || [Number.NaN, Number.NaN];
  if (low <= 1 && high >= 1) {
    notes.push(`the run's interval of the ratio, ${short(low)} to ${short(high)}, includes 1`);
  }
  if (!hasSign(ofPaper, context.rules)) {
    notes.push(`the paper's change is below ${short(100 * context.rules.leastChange)} % and has no sign`);
  }
  return { ...ratios, ratioVerdict: judgeRatio(ofRun, ofPaper, context.rules) };
}

/** The paper's ratio; null, with a note unless the baseline is simply not in the paper's table. */
function paperRatio(
  figure: PublishedFigure,
  baseline: string,
  context: Context,
  notes: string[],
): number | null {
  if (figure.ratioTo !== undefined) return figure.value;
  const base = context.paper(baseline, figure.metric);
  if (base === undefined) return null;
  const same = convertUnit(base.value, context.unitOf(base), context.unitOf(figure));
  if (same === undefined || !(same > 0)) {
    notes.push(`the paper's ${baseline} is ${measure(base.value, context.unitOf(base))}: no ratio`);
    return null;
  }
  return figure.value / same;
}

function runRatio(
  figure: PublishedFigure,
  run: RunFigure | undefined,
  baseline: string,
  context: Context,
): number | null {
  const base = context.run(baseline, figure.metric)?.value ?? null;
  const value = run?.value ?? null;
  return base === null || value === null || !(base > 0) ? null : value / base;
}

/** A sentence when it is the baseline in the run that prevents a ratio. */
function whyNoRatio(base: RunFigure | undefined, baseline: string): string[] {
  const value = base?.value ?? null;
  if (value !== null && value > 0) return [];
  const what = value === null ? whyNoValue(base) : `its value is ${measure(value, base?.unit)}`;
  return [`no ratio to ${baseline}: ${what}`];
}

function rankAgreement(metric: string, context: Context): RankAgreement {
  const both = context.published.flatMap((figure) => {
    const run = context.run(figure.router, metric)?.value ?? null;
    return figure.metric === metric && figure.ratioTo === undefined && run !== null ? [{ figure, run }] : [];
  });
  const systems = both.map(({ figure }) => figure.router);
  const units = both.map(({ figure }) => context.unitOf(figure));
  const paper = both.map(({ figure }, i) => convertUnit(figure.value, units[i], units[0]) ?? Number.NaN);
  const isFitted = systems.map((router) => context.isCalibrated(router, metric));
  const tau = kendallTau(
    paper,
    both.map(({ run }) => run),
    (i, j) => !(isFitted[i] && isFitted[j]),
  );
  return { metric, systems, tau: Number.isNaN(tau) ? null : tau };
}

function whyNoValue(run: RunFigure | undefined): string {
  if (run === undefined) return "the run has no such figure";
  return run.reason === undefined ? "the run has no value" : `the run has no value: ${run.reason}`;
}

function arithmetic(
  paper: number,
  paperUnit: string,
  run: number,
  runUnit: string,
  converted: number | undefined,
): string {
  const sides = `paper ${measure(paper, paperUnit)}, run ${measure(run, runUnit)}`;
  if (converted === undefined || run === 0) return sides;
  return `${sides}: paper / run = ${short(converted / run)}`;
}

function measure(value: number, unit = ""): string {
  return unit === "" ? short(value) : `${short(value)} ${unit}`;
}

function unitName(unit: string): string {
  return unit === "" ? "a plain number" : unit;
}

function short(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 4 });
}
