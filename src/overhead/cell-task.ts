/** What a worker thread is given to measure, and what it answers. */
import { definitionOf, resolveRun, resolveWith } from "../experiment/resolve.ts";
import type { RunSpec } from "../experiment/run-spec.ts";
import type { SharedInputs } from "../experiment/shared-inputs.ts";
import { createRouter } from "../routers/registry.ts";
import type { RunOptions } from "../simulator/options.ts";
import type { CapturedState } from "./capture.ts";
import { measureInSitu, type RawInSitu } from "./in-situ.ts";
import { type CellBudget, emptyRouter, measureCell, type RawRow } from "./measure-cell.ts";

export interface CellTask {
  /** A run of the setting at this size under the router; the empty router has that of any. */
  readonly spec: RunSpec;
  readonly inputs: SharedInputs;
  readonly isEmpty: boolean;
  /** Null: the whole run is simulated, with the router's calls timed. */
  readonly state: CapturedState | null;
  readonly budget: CellBudget;
}

export type CellMessage =
  | { readonly kind: "row"; readonly row: RawRow }
  | { readonly kind: "in-situ"; readonly figures: RawInSitu };

/** Measures; rows are reported as they are found. */
export async function measureTask(task: CellTask, report: (message: CellMessage) => void): Promise<void> {
  const { spec, inputs, isEmpty, state, budget } = task;
  if (state === null) {
    const resolve = async () => (await resolveRun(spec, inputs)).options;
    report({ kind: "in-situ", figures: await measureInSitu(resolve) });
  } else {
    const definition = await definitionOf(spec.router);
    const router = isEmpty
      ? emptyRouter()
      : (createRouter(definition, spec.router.parameters, spec.router.label).router as RunOptions["router"]);
    const { options } = resolveWith(spec, inputs, router, !isEmpty && definition.clairvoyant === true);
    measureCell(options, state, budget, isEmpty, (row) => report({ kind: "row", row }));
  }
}
