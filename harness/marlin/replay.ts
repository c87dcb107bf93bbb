/**
 * Plans of the epoch model replayed request by request: `npm run replay [-- --out FOLDER]`.
 *
 * A scaled-down fleet (4 sites of 12 nodes) gets MARLIN's day; planners plan it with the epoch model. Of some epochs the
 * first minutes are then simulated: every kind of node that the model has on is an endpoint, a request takes its turn
 * among those of its model by the shares that the plan comes to, and the simulator's meters give energy, carbon, water
 * and cost. Nodes serve one model, so each model is a simulation of its own. Differences are those of the models alone:
 * same laws, powers, intensities, prices and numbers of requests.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setConditions } from "../../src/datacenter/conditions.ts";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import { type EpochState, emptyState } from "../../src/datacenter/epoch-state.ts";
import { energyFactor, potableLitresPerItKwh } from "../../src/datacenter/physics.ts";
import { makeSetting, type Setting } from "../../src/datacenter/setting.ts";
import { simulateEpochs } from "../../src/datacenter/simulate-epochs.ts";
import type { Endpoint, Fleet, Region } from "../../src/fleet/fleet.ts";
import { litresPerItJoule } from "../../src/fleet/water-use.ts";
import { Law } from "../../src/profile/law.ts";
import type { Router, RouterHost, World } from "../../src/routers/contract.ts";
import { createPlanner, findPlanner } from "../../src/routers/planner-registry.ts";
import { SmoothWeightedRoundRobin } from "../../src/routers/weighted-round-robin.ts";
import type { RecordColumns, RecordSink } from "../../src/simulator/options.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { SyntheticWorkload } from "../../src/workload/synthetic.ts";

const SITES = 4;
const NODES_PER_SITE = 12;
/** Length of what is simulated of an epoch. */
const SECONDS = 300;
/** Of the day's 96: from the night to the peak. */
const EPOCHS = [12, 48, 84];
const PLANNERS = ["uniform", "greedy-carbon", "greedy-water", "marlin-balanced"];
/** Of the logarithms of prompt and output lengths, as in Azure's conversations. */
const SIGMA = { prompt: 0.99, output: 0.86 };
const METRICS = ["ttft_s", "energy_kwh", "carbon_kg", "water_l", "cost_usd"] as const;

type Metrics = Record<(typeof METRICS)[number], number>;

interface Row {
  readonly planner: string;
  readonly epoch: number;
  readonly requests: number;
  /** Requests over the rated capacity of the nodes that are on. */
  readonly load: number;
  readonly model: Metrics;
  readonly replay: Metrics;
  /** Parts by which the two differ. */
  readonly causes: {
    readonly model_wait_s: number;
    readonly replay_wait_s: number;
    readonly replay_prefill_s: number;
    /** Share of the time of nodes that are on in which their engines had nothing to do. */
    readonly idle_share: number;
    /** Last finish after the end of the epoch. */
    readonly tail_s: number;
    /** Sum of the absolute differences between planned and realised shares of sites. */
    readonly share_l1: number;
  };
}

/** Sums of latencies. */
class LatencySums implements RecordSink {
  ttft = 0;
  wait = 0;
  prefill = 0;
  readonly #there: readonly number[];
  #columns!: RecordColumns;

  /** @param there seconds to each endpoint */
  constructor(there: readonly number[]) {
    this.#there = there;
  }

  begin(columns: RecordColumns): void {
    this.#columns = columns;
  }

  finished(r: number): void {
    const { ttftSeconds, startedSeconds, dispatchedSeconds, firstTokenSeconds, endpoint } = this.#columns;
    this.ttft += ttftSeconds[r];
    this.wait += startedSeconds[r] - dispatchedSeconds[r] - this.#there[endpoint[r]];
    this.prefill += firstTokenSeconds[r] - startedSeconds[r];
  }

  rejected(_r: number, reason: string): void {
    throw new Error(`a request was refused: ${reason}`);
  }

  placed(): void {}
  unfinished(): void {}
  weights(): void {}
}

const { values } = parseArgs({
  options: { out: { type: "string" }, seed: { type: "string", default: "1" } },
});
const seed = Number(values.seed);
const dataRoot = process.env["CANOPY_DATA"];
const setting = await makeSetting({ sites: SITES, nodesPerSite: NODES_PER_SITE, seed, dataRoot });
const rows = PLANNERS.flatMap((id) => replayPlanner(id));
const text = markdown(rows);
process.stdout.write(text);
if (values.out !== undefined) {
  mkdirSync(values.out, { recursive: true });
  const conditions = {
    command: "npm run replay -- --out results/marlin/replay",
    seed,
    sites: SITES,
    nodesPerSite: NODES_PER_SITE,
    seconds: SECONDS,
    epochs: EPOCHS,
    data: dataRoot === undefined ? "synthetic" : "reference data",
    sources: setting.conditions.sources,
    node: process.version,
  };
  writeFileSync(join(values.out, "result.json"), `${JSON.stringify({ conditions, rows }, null, 2)}\n`);
  writeFileSync(join(values.out, "table.md"), text);
}

function replayPlanner(id: string): Row[] {
  const { world } = setting;
  const planner = createPlanner(findPlanner(id), undefined, { world, seed }, "replay");
  const { epochs } = simulateEpochs({ ...setting, planner });
  return EPOCHS.map((e) => {
    process.stderr.write(`${id}, epoch ${e}\n`);
    return replayEpoch(id, setting, e, epochs[e].plan, epochs[e].requests);
  });
}

function replayEpoch(
  planner: string,
  { world, conditions }: Setting,
  epoch: number,
  plan: Float64Array,
  counts: Float64Array,
): Row {
  const state = emptyState(world, SECONDS);
  setConditions(conditions, epoch, state);
  for (const [v, count] of counts.entries()) state.expectedRequests[v] = Math.round((count * SECONDS) / 900);
  const model = new EpochModel(world);
  const detail = model.detail(state, plan);
  const out = new Float64Array(4);
  model.evaluate(state, plan, out);
  const requests = state.expectedRequests.reduce((sum, count) => sum + count, 0);
  const sum = {
    ttft: 0,
    wait: 0,
    prefill: 0,
    kwh: 0,
    carbon: 0,
    water: 0,
    usd: 0,
    idle: 0,
    up: 0,
    tail: 0,
    l1: 0,
  };
  let rated = 0;
  for (const cell of model.cells(state)) {
    const at = (cell.site * state.models + cell.model) * world.nodeTypes.length + cell.type;
    if (cell.nodes > 0) rated += (cell.requests * detail.nodesOn[at]) / cell.nodes;
  }
  for (let v = 0; v < state.models; v++) addReplay(sum, model, state, plan, detail.nodesOn, v);
  return {
    planner,
    epoch,
    requests,
    load: requests / rated,
    model: {
      ttft_s: detail.ttftSimSeconds,
      energy_kwh: detail.totalKwh,
      carbon_kg: out[1],
      water_l: out[2],
      cost_usd: out[3],
    },
    replay: {
      ttft_s: sum.ttft / requests,
      energy_kwh: sum.kwh,
      carbon_kg: sum.carbon,
      water_l: sum.water,
      cost_usd: sum.usd,
    },
    causes: {
      model_wait_s: detail.ttftSimSeconds - 2 * detail.networkSeconds,
      replay_wait_s: sum.wait / requests,
      replay_prefill_s: sum.prefill / requests,
      idle_share: sum.idle / sum.up,
      tail_s: sum.tail,
      share_l1: sum.l1 / state.models,
    },
  };
}

type Sums = Record<
  "ttft" | "wait" | "prefill" | "kwh" | "carbon" | "water" | "usd" | "idle" | "up" | "tail" | "l1",
  number
>;

/** Simulates the requests of one model and adds what came of it. */
function addReplay(
  sum: Sums,
  model: EpochModel,
  state: EpochState,
  plan: Float64Array,
  nodesOn: Float64Array,
  v: number,
): void {
  const { world } = model;
  const { sites, models, seconds } = state;
  const count = state.expectedRequests[v];
  if (count === 0) return;
  const regions = world.sites.map((site, d): Region => {
    const constant = (value: number) => ({
      times: Float64Array.of(0),
      values: Float64Array.of(value),
      endSeconds: Number.POSITIVE_INFINITY,
    });
    return {
      name: site.name,
      carbon: constant(1000 * state.carbonKgPerKwh[d]),
      energyPrice: constant(state.usdPerKwh[d]),
      pue: energyFactor(state.cop[d], world.physics),
      water: {
        siteLitresPerItKwh: potableLitresPerItKwh(world.physics, state.evaporation[d]),
        gridLitresPerKwh: state.waterLPerKwh[d],
      },
    };
  });
  const network = model.meanNetworkSeconds;
  const endpoints: Endpoint[] = [];
  const weights: number[] = [];
  for (let d = 0; d < sites; d++) {
    let left = plan[v * sites + d] * count;
    const cells = model.cells(state).filter((cell) => cell.site === d && cell.model === v && cell.nodes > 0);
    for (const [j, { type, nodes, requests, service }] of cells.entries()) {
      const on = nodesOn[(d * models + v) * world.nodeTypes.length + type];
      if (on === 0) continue;
      const node = world.nodeTypes[type];
      const { replicas, ...law } = node.laws[world.models[v].name];
      // Beyond the capacity of all kinds the last takes the rest.
      const served = j === cells.length - 1 ? left : Math.min(left, (requests * on) / nodes);
      left -= served;
      const watts = node.tdpWatts / replicas;
      const halfRate = service.requestsPerSecond / 2;
      const halfStep =
        service.stepBaseSeconds /
        (1 - halfRate * (service.prefillSeconds + service.outputTokens * service.stepPerSequence));
      const half = halfRate * service.outputTokens * halfStep;
      const batches = Array.from({ length: service.batch }, (_, i) => i + 1);
      endpoints.push({
        name: `${world.sites[d].name}-${node.name}`,
        region: d,
        model: 0,
        group: d,
        role: "mixed",
        replicas: on * replicas,
        minReplicas: on * replicas,
        maxReplicas: on * replicas,
        startupSeconds: 0,
        law: new Law(
          {
            decode: {
              baseSeconds: law.stepBaseSeconds,
              perSequenceSeconds: law.perSequenceSeconds,
              perContextTokenSeconds: law.perContextTokenSeconds,
            },
            prefill: { baseSeconds: law.prefillBaseSeconds, perTokenSeconds: law.perPromptTokenSeconds },
            overheadSeconds: 0,
            mixedRule: "add",
            power: {
              idleWatts: world.power.idle * watts,
              idleUnloadedWatts: world.power.idle * watts,
              prefillWatts: world.power.full * watts,
              decode: {
                batch: batches,
                watts: batches.map((n) => (n <= half ? world.power.mid : world.power.full) * watts),
              },
            },
          },
          service.batch,
        ),
        profileId: "affine",
        provenance: "modelled",
        batching: {
          policy: "vllm-v1",
          maxRequests: service.batch,
          tokenBudget: world.limits.tokenBudget,
          kvBlocks: Math.floor(world.kvTokens[v * world.nodeTypes.length + type] / 16),
          blockTokens: 16,
          watermarkFraction: 0,
          paddedTokenLimit: 4096,
          order: "fifo",
          victim: "youngest",
          prefixReuse: false,
        },
        maxModelTokens: 1 << 17,
        overlong: "truncate",
        kvBytesPerToken: world.models[v].kvBytesPerToken,
        gpusPerReplica: 1,
        usdPerReplicaHour: 0,
        hostWattsPerReplica: 0,
        roundTripSeconds: 2 * network[d],
        localBalancer: "outstanding-tokens",
        maxOutstanding: Number.POSITIVE_INFINITY,
        powerStates: [{ name: "full", timeFactor: 1, powerFactor: 1 }],
      });
      weights.push(served);
    }
  }
  const fleet: Fleet = {
    regions,
    models: [{ name: world.models[v].name, large: false }],
    groups: world.sites.map((site) => site.name),
    endpoints,
    faults: [],
    kvTransfer: { bytesPerSecond: 1, latencySeconds: 0 },
  };
  const lengths = (mean: number, sigma: number) => ({
    dist: "lognormal" as const,
    mu: Math.log(mean) - sigma ** 2 / 2,
    sigma,
  });
  const workload = new SyntheticWorkload({
    seed: `${seed}/${v}`,
    requests: count,
    arrival: { process: "poisson", ratePerSecond: count / seconds },
    prompt: lengths(state.promptTokens[v], SIGMA.prompt),
    output: lengths(state.outputTokens[v], SIGMA.output),
  });
  const sink = new LatencySums(endpoints.map(({ roundTripSeconds }) => roundTripSeconds / 2));
  const totals = simulate(
    {
      fleet,
      workload,
      router: turns(weights),
      seed,
      signal: "average",
      latency: "ttft",
      clock: "arrival",
      telemetryIntervalSeconds: 1,
      signalIntervalSeconds: 300,
      end: "drain",
      horizonSeconds: seconds,
      forecastCarbon: null,
      artefacts: new Map(),
      explain: false,
      clairvoyant: false,
      startHour: 0,
      answers: null,
    },
    sink,
  );
  sum.ttft += sink.ttft;
  sum.wait += sink.wait;
  sum.prefill += sink.prefill;
  sum.tail = Math.max(sum.tail, totals.endSeconds - seconds);
  const placed = new Float64Array(sites);
  for (const [e, own] of totals.endpoints.entries()) {
    const region = regions[endpoints[e].region];
    const joules = own.activeJoules + own.idleJoules;
    sum.kwh += (joules * region.pue) / 3.6e6;
    sum.carbon += ((own.activeGrams + own.idleGrams) * region.pue) / 1000;
    sum.water += joules * litresPerItJoule(region, region.pue);
    sum.usd += own.energyUsd * region.pue;
    sum.up += own.upSeconds;
    sum.idle += Math.max(0, own.upSeconds - own.busySeconds);
    placed[endpoints[e].region] += own.placed;
  }
  for (let d = 0; d < sites; d++) sum.l1 += Math.abs(placed[d] / count - plan[v * sites + d]);
}

/** Smooth weighted round robin over endpoints. */
function turns(weights: readonly number[]): Router {
  const robin = new SmoothWeightedRoundRobin(weights);
  let host: RouterHost;
  return {
    start(_world: World, given) {
      host = given;
    },
    arrival(request) {
      const endpoint = robin.peek();
      host.place(request, endpoint);
      robin.take(endpoint);
    },
  };
}

function markdown(all: readonly Row[]): string {
  const percent = (a: number, b: number) => `${(100 * (a / b - 1)).toFixed(1)} %`;
  const lines = [
    "### Plans of the epoch model replayed request by request",
    "",
    `Replay over epoch model less 1. ${SITES} sites of ${NODES_PER_SITE} nodes, the first ${SECONDS} s of each epoch, seed ${seed}. Load: requests over the rated capacity of the nodes that are on. Wait is up to the first iteration; idle is the share of the time of those nodes without work; L1 is between planned and realised shares of sites.`,
    "",
    "| planner | epoch | requests | load | TTFT | energy | carbon | water | cost | wait + prefill, model (s) | wait, replay (s) | prefill, replay (s) | idle | tail (s) | L1 |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
  ];
  for (const { planner, epoch, requests, load, model, replay, causes } of all) {
    const cells = [
      planner,
      epoch,
      requests,
      load.toFixed(2),
      ...METRICS.map((name) => percent(replay[name], model[name])),
      causes.model_wait_s.toFixed(3),
      causes.replay_wait_s.toFixed(3),
      causes.replay_prefill_s.toFixed(3),
      `${(100 * causes.idle_share).toFixed(1)} %`,
      causes.tail_s.toFixed(0),
      causes.share_l1.toFixed(4),
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}
