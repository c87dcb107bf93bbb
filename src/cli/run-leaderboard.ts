/** What `canopy leaderboard` does. */
import { UserError } from "../errors.ts";
import { planBounds } from "../experiment/plan-bounds.ts";
import { planExperiment } from "../experiment/plan-experiment.ts";
import { BOUNDED_METRICS, type BoundedMetric, type RequestBounds } from "../metrics/request-bound.ts";
import { findResult, findResults } from "../report/html/find-results.ts";
import { readDecisionTimes } from "../report/leaderboard/decision-times.ts";
import { leaderboard } from "../report/leaderboard/leaderboard.ts";
import { type Setting, settingsOf } from "../report/leaderboard/settings.ts";
import { leaderboardTables } from "../report/leaderboard/tables.ts";
import { leaderboardJson, writeLeaderboard } from "../report/leaderboard/write-leaderboard.ts";
import { experimentPath, setsOf } from "../report/reproduction/catalogue.ts";
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
    : { bound: null, boundReason: "--no-bound" };
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

/** Bounds of the requests of a setting, from its experiment file: mean over seeds and starts. */
async function meanBounds(
  { found, point }: Setting,
  withinSeconds: number,
): Promise<{ bound: RequestBounds["metrics"] | null; boundReason: string | null }> {
  const { result, manifest } = found;
  const refuse = (boundReason: string) => ({ bound: null, boundReason });
  if (manifest === null || manifest.command[1] !== "run") {
    return refuse("the result does not say which command of canopy run made it");
  }
  const [file] = result.provenance.files;
  const plan = await planExperiment(experimentPath({ id: result.experiment, file }), {
    sets: setsOf(manifest.command),
  });
  const planned = plan.provenance.findIndex(({ inputs }) => inputs === point.inputs);
  if (planned < 0) return refuse(`${file} and its data are not what the result was made from`);
  const own = planBounds(
    { ...plan, runs: plan.runs.filter((run) => run.planned === planned) },
    withinSeconds,
  );
  const means = {} as Record<BoundedMetric, number | null>;
  for (const metric of BOUNDED_METRICS) {
    const values = own.map(({ bounds }) => bounds.metrics[metric]);
    const known = values.filter((value) => value !== null);
    means[metric] =
      known.length < values.length || known.length === 0
        ? null
        : known.reduce((sum, value) => sum + value, 0) / known.length;
  }
  const isKnown = BOUNDED_METRICS.some((metric) => means[metric] !== null);
  return isKnown
    ? { bound: means, boundReason: null }
    : refuse(Object.values(own[0].bounds.reasons)[0] ?? "nothing is known of it");
}
