/**
 * Bytes of heap that a warm evaluation fills. Run by allocation.test.ts in a process of its own
 * (`node --expose-gc --import tsx`), since the heap of a test runner moves by itself; prints one JSON object.
 */
import v8 from "node:v8";
import { EpochModel } from "../../src/datacenter/epoch-model.ts";
import { paperWorld, someState } from "./worlds.ts";

const WARM = 60_000;
/** The best of some groups counts: on a busy machine the compiler may be late, or begin again. */
const GROUPS = 4;
const PIECES = 5;
const PIECE = 2000;

/** Median bytes of an evaluation in a group: a collection within a piece makes it worthless, not the median. */
function bytesPerEvaluation(consolidation: boolean, planRows: "models" | "origins"): number {
  const model = new EpochModel(paperWorld(8, { consolidation, planRows }));
  const state = someState(model.world, [0.9e8, 2.2e7]);
  const plan = new Float64Array(model.planLength).fill(1 / 8);
  const out = new Float64Array(6);
  model.evaluate(state, plan, out);
  state.nodesOn = model.nodesOn.slice();
  const run = (count: number) => {
    for (let i = 0; i < count; i++) {
      plan[i % plan.length] += 1e-9;
      model.evaluate(state, plan, out);
    }
  };
  run(consolidation ? WARM : WARM / 6);
  const medians = Array.from({ length: GROUPS }, () => {
    const pieces = Array.from({ length: PIECES }, () => {
      globalThis.gc?.();
      const before = v8.getHeapStatistics().used_heap_size;
      run(PIECE);
      return (v8.getHeapStatistics().used_heap_size - before) / PIECE;
    });
    return pieces.sort((a, b) => a - b)[Math.floor(PIECES / 2)];
  });
  return Math.min(...medians);
}

console.log(
  JSON.stringify({
    packed: bytesPerEvaluation(true, "models"),
    origins: bytesPerEvaluation(true, "origins"),
    spread: bytesPerEvaluation(false, "models"),
  }),
);
