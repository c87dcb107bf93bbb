/**
 * Speed of the datacentres' physical model: `npm run bench:datacenter [-- --format json]`.
 *
 * Plans evaluated a second of processor time, by number of sites and settings. Rounds of all rows take turns and the best of
 * each counts, so that a busy machine slows all alike; the ratio to a loop of dependent floating-point additions timed
 * in the same process is what to compare between machines.
 */
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import { emptyState } from "../../src/datacenter/epoch-state.ts";
import { SITES } from "../../src/datacenter/sites.ts";
import { makeWorld, type WorldOptions } from "../../src/datacenter/world.ts";

const ROUNDS = 9;
/** Milliseconds of one row in one round. */
const SLICE = 150;
/** Share of the fleet's rated capacity that the plans have to serve. */
const LOAD = 0.7;

interface Row {
  readonly name: string;
  readonly sites: number;
  readonly run: (count: number) => void;
  perSecond: number;
}

const { values } = parseArgs({ options: { format: { type: "string", default: "table" } } });
const loadBefore = loadavg()[0];
const rows = [
  ...[4, 6, 8, 10, 12].map((sites) => row("packed", sites, {})),
  row("packed, rows by origin", 8, { planRows: "origins" }),
  row("spread", 8, { consolidation: false }),
];
for (const { run } of rows) run(2000);
let calibration = Number.POSITIVE_INFINITY;
for (let round = 0; round < ROUNDS; round++) {
  calibration = Math.min(calibration, calibrationSeconds());
  for (const each of rows) each.perSecond = Math.max(each.perSecond, speed(each.run));
}
const conditions = {
  node: process.version,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  loadAverageBefore: loadBefore,
  loadAverageAfter: loadavg()[0],
  regime: `1000 nodes of six types a site, two models, load ${LOAD} of rated capacity, boot penalty, a plan near uniform`,
};
if (values.format === "json") {
  const figures = rows.map(({ name, sites, perSecond }) => ({
    name,
    sites,
    evaluationsPerSecond: perSecond,
    evaluationsPerCalibration: perSecond * calibration,
  }));
  process.stdout.write(`${JSON.stringify({ rows: figures, conditions })}\n`);
} else {
  for (const { name, sites, perSecond } of rows) {
    const text = `${name.padEnd(24)} ${String(sites).padStart(2)} sites  ${(perSecond / 1000).toFixed(0).padStart(5)} k evaluations/s  ${(perSecond * calibration).toFixed(0).padStart(6)} per calibration`;
    process.stdout.write(`${text}\n`);
  }
  const { cpu, cores, node, loadAverageBefore, loadAverageAfter, regime } = conditions;
  process.stdout.write(
    `\n${cpu}, ${cores} cores, Node ${node}, load average ${loadAverageBefore.toFixed(2)} before and ${loadAverageAfter.toFixed(2)} after; best of ${ROUNDS}\n${regime}\n`,
  );
}

function row(name: string, sites: number, options: Partial<WorldOptions>): Row {
  const world = makeWorld({
    sites: SITES.slice(0, sites).map((site) => ({ ...site, nodes: [167, 167, 167, 167, 166, 166] })),
    mix: [0.8, 0.2],
    promptTokens: [534, 534],
    outputTokens: [200, 200],
    ...options,
  });
  const model = new EpochModel(world);
  const state = emptyState(world);
  for (let d = 0; d < sites; d++) {
    state.carbonKgPerKwh[d] = 0.1 * (d + 1);
    state.usdPerKwh[d] = 0.05;
    state.waterLPerKwh[d] = SITES[d].waterLitresPerKwh;
    state.cop[d] = SITES[d].cop;
  }
  const capacity = new Float64Array(2 * sites);
  model.capacity(state, capacity);
  for (let v = 0; v < 2; v++) {
    for (let d = 0; d < sites; d++) state.expectedRequests[v] += LOAD * capacity[v * sites + d];
  }
  const plan = new Float64Array(model.planLength).fill(1 / sites);
  const out = new Float64Array(6);
  model.evaluate(state, plan, out);
  state.nodesOn = model.nodesOn.slice();
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      // Another plan each time, on the simplex: a little more to one site and less to the next.
      const at = i % plan.length;
      const next = at % sites === sites - 1 ? at - 1 : at + 1;
      const move = i & 1 ? 1e-3 : -1e-3;
      plan[at] += move;
      plan[next] -= move;
      model.evaluate(state, plan, out);
      plan[at] -= move;
      plan[next] += move;
    }
  };
  return { name, sites, run, perSecond: 0 };
}

function speed(run: (count: number) => void): number {
  const start = process.cpuUsage();
  let count = 0;
  let seconds = 0;
  while (seconds < SLICE / 1000) {
    run(500);
    count += 500;
    seconds = processorSeconds(start);
  }
  return count / seconds;
}

/** Seconds of a million dependent additions. */
function calibrationSeconds(): number {
  const start = process.cpuUsage();
  let x = 1;
  for (let i = 0; i < 1_000_000; i++) x = x * 0.999 + 0.5;
  if (Number.isNaN(x)) throw new Error("unreachable");
  return processorSeconds(start);
}

/** Of this process, so that others on the same core do not count. */
function processorSeconds(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}
