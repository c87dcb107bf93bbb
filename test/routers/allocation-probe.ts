/**
 * Bytes of heap that warm decisions of each registered router fill, over sixty turns of a thousand requests in all their
 * situations, and what one takes. Run by contract-suite.test.ts in a process of its own (`node --expose-gc --import
 * tsx`), since the heap of a test runner moves by itself; prints one JSON object. Ids as arguments: those routers alone.
 */
import v8 from "node:v8";
import type { Router, RouterDefinition } from "../../src/routers/contract.ts";
import { createRouter, listRouters } from "../../src/routers/registry.ts";
import { simulate } from "../../src/simulator/simulate.ts";
import { FakeHost } from "./fake-host.ts";
import { suiteEndpoints } from "./suite-rows.ts";
import { suiteSettingOf } from "./suite-settings.ts";
import { trainedFor } from "./trained.ts";

export interface ProbeResult {
  readonly bytesPerDecision: number;
  readonly nanosecondsPerDecision: number;
  /** Requests left with the router: they were never placed, so their decisions were cheap. */
  readonly held: number;
}

const ENDPOINTS = 12;
const REQUESTS = 1024;
const WARM = 64 * REQUESTS;
const PIECE = 4 * REQUESTS;
const PIECES = 15;

const results: Record<string, ProbeResult> = {};
const only = process.argv.slice(2);
for (const definition of listRouters()) {
  if (only.length === 0 || only.includes(definition.id)) results[definition.id] = probe(definition);
}
console.log(JSON.stringify(results));

function probe(definition: RouterDefinition): ProbeResult {
  const { parameters } = suiteSettingOf(definition.id);
  const host = new FakeHost({
    endpoints: Array.from({ length: ENDPOINTS }, (_, e) => ({
      region: e % 3,
      group: e % 3,
      model: e % 3 === 2 ? 1 : 0,
      large: e % 3 !== 2,
      usdPerReplicaSecond: 0.001 * (1 + (e % 3)),
    })),
    carbon: [400, 300, 50],
    requestCapacity: REQUESTS,
    latency: "e2e",
    // Groups and names of the contract suite, on whose rows routers are trained.
    groups: suiteEndpoints.length,
    models: ["large", "small"],
    taskTypes: ["any"],
    artefacts: trainedFor(definition, simulate),
  });
  host.recording = false;
  Object.assign(host.world, { hidden: { correct: (request: number, e: number) => (request + e) % 3 > 0 } });
  const router = host.start(createRouter(definition, parameters, "probe").router as Router);
  for (let i = 0; i < REQUESTS; i++) {
    host.request({
      tier: i % 3,
      promptTokens: 1 + ((i * 37) % 500),
      needsLarge: i % 3 < 2,
      session: i % 4 === 0 ? i % 50 : -1,
      deadlineSeconds: 1e9,
      recordedEndpoint: 3 * (i % 4),
    });
  }
  const { telemetry } = host.world;
  let turn = 0;
  const decide = (decisions: number) => {
    for (let i = 0; i < decisions; i++, turn = (turn + 1) % REQUESTS) {
      if (turn % 32 === 0) {
        telemetry.waiting.fill(0);
        telemetry.outstanding.fill(0);
        telemetry.queuedPrefillTokens.fill(0);
        telemetry.outstandingTokens.fill(0);
        telemetry.takenAtSeconds++;
        // Down for 64 arrivals: they are held, tried again at the ticks, and placed when the endpoints are back.
        if (turn === 512) telemetry.up.fill(0);
        if (turn === 576) telemetry.up.fill(1);
        router.timer?.(0);
      }
      host.now += 0.001;
      host.held++;
      router.arrival(turn);
    }
  };
  decide(WARM);
  let result = measure(decide);
  // Code that is compiled anew in between fills the heap once; what decisions fill, they fill in every round.
  for (let round = 1; round < 30 && result.bytesPerDecision > 0.5; round++) result = measure(decide);
  return { ...result, held: host.held };
}

function measure(decide: (decisions: number) => void): Omit<ProbeResult, "held"> {
  globalThis.gc?.();
  let bytes = 0;
  const start = process.cpuUsage();
  for (let piece = 0; piece < PIECES; piece++) {
    // Growth over short pieces: a collection inside one cannot hide what the others filled.
    const before = v8.getHeapStatistics().used_heap_size;
    decide(PIECE);
    bytes += Math.max(0, v8.getHeapStatistics().used_heap_size - before);
  }
  const decisions = PIECES * PIECE;
  return {
    bytesPerDecision: bytes / decisions,
    nanosecondsPerDecision: (1000 * process.cpuUsage(start).user) / decisions,
  };
}
