/** What `canopy leaderboard` does. */
import { UserError } from "../errors.ts";
import { planBounds } from "../experiment/plan-bounds.ts";
import { planExperiment } from "../experiment/plan-experiment.ts";
import type { RunPlan } from "../experiment/run-plan.ts";
import { BOUNDED_METRICS, type BoundedMetric, type RequestBounds } from "../metrics/request-bound.ts";
import { findResult, findResults } from "../report/html/find-results.ts";
import { readDecisionTimes } from "../report/leaderboard/decision-times.ts";
import { leaderboard } from "../report/leaderboard/leaderboard.ts";
import { type Setting, settingsOf } from "../report/leaderboard/settings.ts";
import { leaderboardTables } from "../report/leaderboard/tables.ts";
import { leaderboardJson, writeLeaderboard } from "../report/leaderboard/write-leaderboard.ts";
import { experimentPath, setsOf } from "../report/reproduction/catalogue.ts";
import { isoTime } from "../signal/series.ts";
import type { LeaderboardCommandOptions } from "./commands/leaderboard.ts";
import { print } from "./output.ts";

/** @throws UserError where a result cannot be read, or the first one has no rows of routers */
export async function runLeaderboard(
  base: string,
  others: readonly string[],
  options: LeaderboardCommandOptions,
): Promise<void> {
  const startedAt = new Date();
  const first = await findResult(base);
  const more = others.length === 0 ? [] : await findResults(others);
  const settings = settingsOf([first, ...more.filter(({ folder }) => folder !== first.folder)]);
  const [setting] = settings;
  if (setting?.found !== first || setting.rows.length === 0) {
    throw new UserError(
      "CANOPY_LEADERBOARD_ROWS",
      `${base}: has no rows of routers, expected a finished result of canopy run over requests`,
    );
  }
  const { bound, boundReason } = options.bound
    ? await meanBounds(setting, options.within)
    : noBound("--no-bound");
  const board = leaderboard(settings, {
    attainment: options.attainment,
    withinSeconds: options.within,
    bound,
    boundReason,
    overhead: options.overhead === undefined ? null : await readDecisionTimes(options.overhead),
  });
  if (options.out !== undefined) {
    const command = ["canopy", ...process.argv.slice(2)];
    const files = await writeLeaderboard(options.out, board, { command, startedAt, endedAt: new Date() });
    process.stderr.write(`${options.out}: ${files.join(", ")}\n`);
  }
  await print(options.format, { tables: leaderboardTables(board), json: leaderboardJson(board) });
}

interface MeanBounds {
  readonly bound: RequestBounds["metrics"] | null;
  readonly boundReason: string | null;
}

function noBound(boundReason: string): MeanBounds {
  return { bound: null, boundReason };
}

/** Bounds of the requests of a setting, from its experiment file: mean over the seeds and starts that its rows have. */
async function meanBounds({ found, point }: Setting, withinSeconds: number): Promise<MeanBounds> {
  const { result, manifest } = found;
  if (manifest === null || manifest.command[1] !== "run") {
    return noBound("the result does not say which command of canopy run made it");
  }
  const [file] = result.provenance.files;
  const plan = await planOf(result.experiment, file, setsOf(manifest.command));
  if (typeof plan === "string") return noBound(plan);
  const planned = plan.provenance.findIndex(({ inputs }) => inputs === point.inputs);
  if (planned < 0) return noBound(`${file} and its data are not what the result was made from`);
  const wanted = { seeds: new Set(point.seeds), starts: new Set(point.starts) };
  const runs = plan.runs.filter(
    ({ planned: own, seed, start }) =>
      own === planned && wanted.seeds.has(seed) && (start === null || wanted.starts.has(isoTime(start))),
  );
  const own = planBounds({ ...plan, runs }, withinSeconds);
  const expected = wanted.seeds.size * Math.max(1, wanted.starts.size);
  if (own.length !== expected) return noBound(`${file} has other seeds or starts than the result`);
  const means = {} as Record<BoundedMetric, number | null>;
  for (const metric of BOUNDED_METRICS) {
    const values = own.map(({ bounds }) => bounds.metrics[metric]);
    const known = values.filter((value) => value !== null);
    means[metric] =
      known.length < values.length ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  }
  const isKnown = BOUNDED_METRICS.some((metric) => means[metric] !== null);
  return isKnown
    ? { bound: means, boundReason: null }
    : noBound(Object.values(own[0].bounds.reasons)[0] ?? "nothing is known of it");
}

/** The plan of an experiment, or why there is none: files may have gone since the result was made. */
async function planOf(id: string, file: string, sets: readonly string[]): Promise<RunPlan | string> {
  try {
    return await planExperiment(experimentPath({ id, file }), { sets });
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
