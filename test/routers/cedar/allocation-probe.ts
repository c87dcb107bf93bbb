/**
 * Bytes of heap that a warm request fills whose transition is kept, from its dispatch to its completion. Run by
 * request-transitions.test.ts in a process of its own (`node --expose-gc --import tsx`), since the heap of a test runner
 * moves by itself; prints one JSON object.
 */
import v8 from "node:v8";
import { FakeHost } from "../fake-host.ts";
import { pilotOn } from "./pilot-runs.ts";

const REQUESTS = 256;
const IN_FLIGHT = 100;
const WARM = 200 * REQUESTS;
const PIECE = 8 * REQUESTS;
const PIECES = 15;
/** The best of some rounds counts: code that is compiled anew in between fills the heap once. */
const ROUNDS = 4;

const host = new FakeHost({
  endpoints: Array.from({ length: 6 }, (_, e) => ({ region: e % 3, group: e % 3 })),
  carbon: [400, 300, 50],
  requestCapacity: REQUESTS,
});
host.recording = false;
const { pilot, router } = pilotOn(
  host,
  { transition: "request", requestShare: 1, dense: "typescript", hidden: [8], minBuffer: 1e6 },
  "forced",
);
for (let i = 0; i < REQUESTS; i++) {
  host.request({ tier: i % 3, promptTokens: 1 + ((i * 37) % 500), deadlineSeconds: 1e9 });
}
const { telemetry, completed } = host.world;
let turn = 0;

function serve(requests: number): void {
  for (let i = 0; i < requests; i++, turn = (turn + 1) % REQUESTS) {
    if (turn % 32 === 0) {
      telemetry.waiting.fill(0);
      telemetry.outstanding.fill(0);
      telemetry.queuedPrefillTokens.fill(0);
      telemetry.outstandingTokens.fill(0);
      telemetry.takenAtSeconds++;
    }
    host.now += 0.001;
    host.held++;
    router.arrival(turn);
    completed.sloMet = turn % 2 === 0;
    completed.costUsd = 1e-4 * (1 + (turn % 5));
    completed.ttftSeconds = 0.01 * (turn % 7);
    router.completion?.((turn + REQUESTS - IN_FLIGHT) % REQUESTS);
  }
}

function bytesPerRequest(): number {
  globalThis.gc?.();
  let bytes = 0;
  for (let piece = 0; piece < PIECES; piece++) {
    // Growth over short pieces: a collection inside one cannot hide what the others filled.
    const before = v8.getHeapStatistics().used_heap_size;
    serve(PIECE);
    bytes += Math.max(0, v8.getHeapStatistics().used_heap_size - before);
  }
  return bytes / (PIECES * PIECE);
}

serve(WARM);
const rounds = Array.from({ length: ROUNDS }, bytesPerRequest);
console.log(
  JSON.stringify({ bytesPerRequest: Math.min(...rounds), rounds, kept: pilot.learner.transitions }),
);
