/** Every metric of a run: its unit, what it is, which way is better, and where it is defined. */
import { nearest } from "../errors.ts";
import { EPOCH_METRICS, PLANNER_FIGURES } from "./epoch-metrics.ts";

export interface MetricInfo {
  /** Snake case, unit last; `<tier>`, `<model>`, `<group>`, `<region>` stand for a name of the experiment. */
  readonly name: string;
  /** Unit as in tables; empty for a ratio. */
  readonly unit: string;
  readonly better: "lower" | "higher" | "neither";
  readonly description: string;
  /** Name for people, where the name itself does not read as one. */
  readonly label?: string;
}

const lower = "lower" as const;
const higher = "higher" as const;
const neither = "neither" as const;

function latency(name: "latency" | "ttft" | "e2e", what: string): MetricInfo[] {
  const percentiles = [
    ["p50", "50 %"],
    ["p90", "90 %"],
    ["p95", "95 %"],
    ["p99", "99 %"],
    ["p999", "99.9 %"],
  ];
  return [
    { name: `${name}_mean_s`, unit: "s", better: lower, description: `mean ${what}` },
    ...percentiles.map(([key, text]) => ({
      name: `${name}_${key}_s`,
      unit: "s",
      better: lower,
      description: `${what}, ${text} of the requests at most (type 7 of Hyndman and Fan); unfinished ones enter with horizon - arrival`,
    })),
  ];
}

const QUANTITIES = {
  energy: {
    unit: "j",
    shown: "J",
    what: "energy",
    ofFacility: "at the server boundary times the region's PUE",
  },
  carbon: {
    unit: "g",
    shown: "g",
    what: "operational carbon",
    ofFacility: "at the server boundary times the region's PUE",
  },
  water: {
    unit: "l",
    shown: "L",
    what: "water of cooling and of the grid, for the energy",
    ofFacility: "at the server boundary, the grid's times the region's PUE",
  },
} as const;

function boundaries(quantity: keyof typeof QUANTITIES): MetricInfo[] {
  const { unit, shown, what, ofFacility } = QUANTITIES[quantity];
  return [
    {
      name: `${quantity}_${unit}_per_request`,
      unit: shown,
      better: lower,
      description: `${what} of GPUs while they run an iteration, per finished request (boundary gpu)`,
    },
    {
      name: `${quantity}_server_${unit}_per_request`,
      unit: shown,
      better: lower,
      description: `${what} of GPUs, idle ones included, and of the host as configured, per finished request (boundary server)`,
    },
    {
      name: `${quantity}_facility_${unit}_per_request`,
      unit: shown,
      better: lower,
      description: `${what} ${ofFacility}, per finished request (boundary facility)`,
    },
  ];
}

/** In the order in which tables without a choice of their own show them. */
export const METRICS: readonly MetricInfo[] = [
  ...latency("latency", "the latency that the objectives bound (ttft or e2e, as the experiment says)"),
  ...latency("ttft", "time from arrival to first token as the user sees it, network included"),
  ...latency("e2e", "time from arrival to last token as the user sees it, network included"),
  {
    name: "tpot_mean_s",
    unit: "s",
    better: lower,
    description:
      "mean over finished requests of (last - first token) / (outputs - 1); requests of one output left out",
  },
  {
    name: "slo_violation",
    unit: "",
    better: lower,
    description: "share of requests above their objective; rejected and unfinished ones count as violated",
  },
  {
    name: "slo_violation_<tier>",
    unit: "",
    better: lower,
    description: "the same among requests of the tier",
  },
  ...(["arrival", "dispatch"] as const).map((clock) => ({
    name: `slo_violation_${clock}`,
    unit: "",
    better: lower,
    description:
      clock === "arrival"
        ? "slo_violation with latency counted from arrival, whatever the experiment's clock"
        : "slo_violation with latency counted from the end of a deliberate hold within the tier's deferralS, whatever the experiment's clock",
  })),
  ...(["mean", "p50", "p95", "p99"] as const).map((statistic) => ({
    name: `dispatch_ttft_${statistic}_s`,
    unit: "s",
    better: lower,
    description: `ttft_${statistic}_s counted from the end of a deliberate hold within the tier's deferralS`,
  })),
  {
    name: "accuracy",
    unit: "",
    better: higher,
    description:
      "simulated correctness: share of requests answered rightly; rejected and unfinished ones count as wrong",
  },
  {
    name: "accuracy_<task type>",
    unit: "",
    better: higher,
    description: "simulated correctness: the same among requests of the task type",
  },
  {
    name: "accuracy_macro",
    unit: "",
    better: higher,
    description: "simulated correctness: unweighted mean of the accuracies of the task types",
  },
  {
    name: "coverage",
    unit: "",
    better: higher,
    description: "share of requests for which some endpoint met everything the router asks for",
  },
  {
    name: "floor_violation",
    unit: "",
    better: lower,
    description:
      "simulated correctness: share of windows of 100 requests of a task type whose accuracy is below the mean of their floors",
  },
  {
    name: "ece",
    unit: "",
    better: lower,
    description:
      "simulated correctness: expected calibration error of the router's predicted accuracies over 10 bins of equal width",
  },
  {
    name: "goodput_tok_s",
    unit: "tok/s",
    better: higher,
    description: "output tokens of requests that met their objective, per second of the horizon",
  },
  {
    name: "output_tok_s",
    unit: "tok/s",
    better: higher,
    description: "output tokens per second of the horizon",
  },
  {
    name: "requests_per_s_simulated",
    unit: "1/s",
    better: higher,
    description: "finished requests per second of simulated time, first arrival to last finish",
  },
  {
    name: "cost_usd_per_request",
    unit: "USD",
    better: lower,
    description:
      "price of the time in which replicas ran an iteration, per finished request (cost by occupancy)",
  },
  {
    name: "fleet_cost_usd_per_request",
    unit: "USD",
    better: lower,
    description: "price of all replica-hours of the horizon, busy or not, per finished request",
  },
  {
    name: "token_cost_usd_per_request",
    unit: "USD",
    better: lower,
    description: "price by token (usdPerMillionTokens), per finished request",
  },
  {
    name: "energy_cost_usd_per_request",
    unit: "USD",
    better: lower,
    description: "price of the electricity of the facility at the regions' prices, per finished request",
  },
  {
    name: "cost_usd_per_1k_tokens",
    unit: "USD",
    better: lower,
    description: "cost by occupancy per 1,000 output tokens",
  },
  ...boundaries("energy"),
  { name: "energy_j_per_token", unit: "J", better: lower, description: "energy (gpu) per output token" },
  ...boundaries("carbon"),
  {
    name: "carbon_g_per_1k_tokens",
    unit: "g",
    better: lower,
    description: "operational carbon (gpu) per 1,000 output tokens",
  },
  {
    name: "carbon_g_per_1k_tokens_<part>",
    unit: "g",
    better: lower,
    description:
      "the same of a part of the requests (outputs.breakdowns): carbon attributed to them over their output tokens",
  },
  {
    name: "carbon_g_per_1k_good_tokens",
    unit: "g",
    better: lower,
    description: "operational carbon (gpu) per 1,000 output tokens of requests that met their objective",
  },
  {
    name: "carbon_ratio_g_per_1k_tokens",
    unit: "g",
    better: lower,
    description:
      "carbon_g_per_1k_tokens over the share of requests that met their objective: CAPS's carbon per goodput",
  },
  ...boundaries("water"),
  {
    name: "water_l_per_1k_tokens",
    unit: "L",
    better: lower,
    description: "water (gpu) per 1,000 output tokens",
  },
  {
    name: "energy_literal_j_per_request",
    unit: "J",
    better: lower,
    description:
      "energy (gpu) with every request of a batch charged the whole replica, per finished request: CAPS's eq. 3 read literally; not additive",
  },
  {
    name: "carbon_literal_g_per_1k_tokens",
    unit: "g",
    better: lower,
    description: "operational carbon charged in the same way, per 1,000 output tokens; not additive",
  },
  {
    name: "oscillation",
    unit: "",
    better: lower,
    description:
      "mean change of the realised shares of the groups from one 0.1 s interval to the next (CEDAR eq. 3)",
  },
  { name: "oscillation_10s", unit: "", better: lower, description: "the same over intervals of 10 s" },
  {
    name: "oscillation_target",
    unit: "",
    better: lower,
    description: "the same of the target shares that the router announced, over intervals of 10 s",
  },
  { name: "deferred_fraction", unit: "", better: neither, description: "share of requests held on purpose" },
  {
    name: "held_p95_s",
    unit: "s",
    better: lower,
    description: "95 % of the deferred requests were held on purpose for at most this long",
  },
  {
    name: "tokens_share_<model>",
    unit: "",
    better: neither,
    description: "share of all tokens computed on the model",
  },
  { name: "share_<group>", unit: "", better: neither, description: "share of placements in the group" },
  {
    name: "outside_grid_fraction",
    unit: "",
    better: lower,
    description: "share of iterations outside the profile's measured grid, or of energy where that is larger",
  },
  {
    name: "utilisation",
    unit: "",
    better: neither,
    description: "time in iterations over time up to the horizon or the last finish, all replicas",
  },
  { name: "preemptions_per_request", unit: "", better: lower, description: "preemptions per request" },
  { name: "finished", unit: "", better: higher, description: "requests that ended with their last token" },
  {
    name: "rejected",
    unit: "",
    better: lower,
    description: "requests refused by the router or unable to run",
  },
  { name: "unfinished", unit: "", better: lower, description: "requests in the system when the run was cut" },
  { name: "truncated", unit: "", better: lower, description: "requests cut to the model's longest context" },
  {
    name: "horizon_s",
    unit: "s",
    better: neither,
    description: "time over which idle energy and the fleet's price run",
  },
  { name: "end_s", unit: "s", better: lower, description: "time of the last finish" },
];

/** Figures that routers of Canopy report of themselves; only runs under those routers have them. */
export const ROUTER_FIGURES: readonly MetricInfo[] = [
  {
    name: "fallback_fraction",
    unit: "",
    better: neither,
    description: "share of control intervals that CEDAR spent in its fallback",
  },
  ...(
    [
      [
        "window_slo_violation_<window>",
        "",
        "share of the requests that arrived in the window above their objective",
      ],
      ["window_tier_violation_<tier and window>", "", "the same among those of the tier"],
      [
        "window_cost_usd_per_request_<window>",
        "USD",
        "cost by occupancy attributed to the requests that arrived in the window and finished, per request",
      ],
      ["window_carbon_g_per_request_<window>", "g", "carbon attributed to those requests, per request"],
      ["window_oscillation_10s_<window>", "", "oscillation_10s of the placements in the window"],
    ] as const
  ).map(([name, unit, description]) => ({ name, unit, better: lower, description })),
  {
    name: "cedar_reward",
    unit: "",
    better: higher,
    description:
      "CEDAR eq. 2 over the run (outputs.reward): minus weighted violations, cost and carbon over the reference router's, and oscillation over control intervals",
  },
  {
    name: "cedar_reward_<window>",
    unit: "",
    better: higher,
    description: "the same over the requests that arrived in the window",
  },
  {
    name: "cedar_regret",
    unit: "",
    better: lower,
    description:
      "cedar_reward of the router that regret is against, less the router's own; below 0 it is better",
  },
  {
    name: "cedar_regret_<window>",
    unit: "",
    better: lower,
    description: "the same over the requests that arrived in the window",
  },
  ...(
    [
      ["heuristic_decision_share", "placements that CEDAR's heuristic decided"],
      ["sac_decision_share", "placements that CEDAR's learned policy decided"],
      ["fallback_decision_share", "placements made in CEDAR's fallback"],
    ] as const
  ).map(([name, what]) => ({ name, unit: "", better: neither, description: `share of the ${what}` })),
  {
    name: "interval_reward",
    unit: "",
    better: higher,
    description: "mean of the reward that CEDAR's learned policy gives control intervals with a placement",
  },
  {
    name: "policy_updates",
    unit: "",
    better: neither,
    description: "updates of the learned policy, training's included",
  },
  { name: "sac_takeovers", unit: "", better: neither, description: "times that SAC was put in charge" },
  {
    name: "sac_reverts",
    unit: "",
    better: neither,
    description: "times that SAC gave back to the heuristic",
  },
  {
    name: "coverage_capped",
    unit: "",
    better: neither,
    description: "share of data sets whose floor the cap of coverage decided, under GAR's heuristics",
  },
  {
    name: "carbon_dual",
    unit: "",
    better: neither,
    description: "mean over the placements of GAR-PD's carbon dual",
  },
  {
    name: "planned_epochs",
    unit: "",
    better: neither,
    description: "plans that a router made of a planner of epochs, over all classes of requests",
  },
  {
    name: "model_calls_per_plan",
    unit: "",
    better: neither,
    description: "how often its planner asked the model of the epoch for each",
  },
  {
    name: "carbon_budget_ratio",
    unit: "",
    better: lower,
    description: "mean of the emissions that GAR-PD estimated over its budget",
  },
];

const byName = new Map(
  [...METRICS, ...EPOCH_METRICS, ...ROUTER_FIGURES, ...PLANNER_FIGURES].map((metric) => [
    metric.name,
    metric,
  ]),
);
const patterns = [...METRICS, ...ROUTER_FIGURES]
  .filter((metric) => metric.name.includes("<"))
  .map((metric) => ({
    metric,
    prefix: metric.name.slice(0, metric.name.indexOf("<")),
  }));

/** What a metric of a run is; undefined for a name that no run has. */
export function metricInfo(name: string): MetricInfo | undefined {
  const exact = byName.get(name);
  if (exact !== undefined) return exact;
  return patterns.find(({ prefix }) => name.startsWith(prefix) && name.length > prefix.length)?.metric;
}

/** The nearest name of the catalogue. */
export function nearestMetric(name: string): string | undefined {
  return nearest(name, byName.keys());
}
