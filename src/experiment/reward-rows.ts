/** CEDAR's reward (eq. 2) of whole runs and of their windows, and the regret against a router: `outputs.reward`. */
import type { RewardConfig } from "./output-schema.ts";
import type { RunPlan } from "./run-plan.ts";
import type { RunResult } from "./run-spec.ts";

type Runs = readonly (RunResult | undefined)[];

/** Results by key, with rewards where the experiment asks for them. */
export function withRewardsOf(
  plan: RunPlan,
  found: ReadonlyMap<string, RunResult>,
): ReadonlyMap<string, RunResult> {
  const results = new Map(found);
  for (const [index, { point, routers }] of plan.points.entries()) {
    const { outputs, baseline } = point.experiment;
    if (outputs.reward === undefined) continue;
    const runs = plan.runs.filter((run) => run.planned === index);
    const rewarded = rewardsOfPoint(runs, found, outputs.reward, {
      tiers: plan.provenance[index].tiers.map(({ name }) => name),
      windows: outputs.windows.map(({ name }) => name),
      baseline: baseline ?? routers[0].label,
    });
    for (const result of rewarded) results.set(result.key, result);
  }
  return results;
}

/** What the reward of a point's runs depends on beside them. */
interface RewardContext {
  readonly tiers: readonly string[];
  readonly windows: readonly string[];
  /** Label of the router that regret is against unless the experiment says. */
  readonly baseline: string;
}

/**
 * Results of one point's runs with rewards.
 *
 * @param runs of the point, by seed and start, then router
 * @param found by key of the run
 */
export function rewardsOfPoint(
  runs: readonly { readonly key: string; readonly router: { readonly label: string } }[],
  found: ReadonlyMap<string, RunResult>,
  config: RewardConfig,
  context: RewardContext,
): RunResult[] {
  const byRouter = new Map<string, (RunResult | undefined)[]>();
  for (const { key, router } of runs) {
    const own = byRouter.get(router.label) ?? [];
    own.push(found.get(key));
    byRouter.set(router.label, own);
  }
  return [...withRewards(byRouter, config, context).values()].flat().filter((run) => run !== undefined);
}

interface Part {
  /** End of the metrics' names: empty for the whole run. */
  readonly suffix: string;
  readonly violations: readonly string[];
  readonly cost: string;
  readonly carbon: string;
  readonly oscillation: string;
}

/**
 * Adds `cedar_reward` and `cedar_regret` to the metrics of runs, each once for the whole run and once for each window:
 *
 *     R = -alpha sum of weighted violation fractions - beta cost / reference's - gamma CO2 / reference's - eta Osc
 *
 * with the reference router's cost and carbon per request of the same seed, start and window. The regret is the
 * reward of `regretTo` less the router's own.
 *
 * @param byRouter runs by label, in the same order of seed and start
 */
export function withRewards(
  byRouter: ReadonlyMap<string, Runs>,
  config: RewardConfig,
  context: RewardContext,
): Map<string, Runs> {
  const { tiers, windows, baseline } = context;
  const parts: readonly Part[] = [
    {
      suffix: "",
      violations: tiers.map((tier) => `slo_violation_${tier}`),
      cost: "cost_usd_per_request",
      carbon: "carbon_g_per_request",
      oscillation: "oscillation_10s",
    },
    ...windows.map((window) => ({
      suffix: `_${window}`,
      violations: tiers.map((tier) => `window_tier_violation_${tier}_${window}`),
      cost: `window_cost_usd_per_request_${window}`,
      carbon: `window_carbon_g_per_request_${window}`,
      oscillation: `window_oscillation_10s_${window}`,
    })),
  ];
  const reference = byRouter.get(config.reference) ?? [];
  const against = byRouter.get(config.regretTo ?? baseline) ?? [];
  const result = new Map<string, Runs>();
  for (const [label, runs] of byRouter) {
    result.set(
      label,
      runs.map((run, i) => {
        if (run === undefined) return undefined;
        const metrics: Record<string, number | null> = { ...run.metrics };
        const reasons: Record<string, string> = { ...run.reasons };
        const put = (name: string, value: number) => {
          metrics[name] = Number.isFinite(value) ? value : null;
          if (!Number.isFinite(value)) reasons[name] = "a part of the reward is not known";
        };
        for (const part of parts) {
          const own = rewardOfPart(run, reference[i], part, config);
          put(`cedar_reward${part.suffix}`, own);
          put(`cedar_regret${part.suffix}`, rewardOfPart(against[i], reference[i], part, config) - own);
        }
        return { ...run, metrics, reasons };
      }),
    );
  }
  return result;
}

function rewardOfPart(
  run: RunResult | undefined,
  reference: RunResult | undefined,
  part: Part,
  config: RewardConfig,
): number {
  const of = (from: RunResult | undefined, metric: string) => from?.metrics[metric] ?? Number.NaN;
  const { violationWeights } = config;
  let violations = 0;
  for (const [q, metric] of part.violations.entries()) {
    violations += violationWeights[Math.min(q, violationWeights.length - 1)] * of(run, metric);
  }
  return (
    -config.violations * violations -
    (config.cost * of(run, part.cost)) / of(reference, part.cost) -
    (config.carbon * of(run, part.carbon)) / of(reference, part.carbon) -
    config.oscillation * of(run, part.oscillation)
  );
}
