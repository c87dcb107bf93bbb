import type { Experiment } from "./schema.ts";

/**
 * Whether a figure shows a run over time, which the run then has to keep. Not beside the schema, which workers would
 * make from all its parts and do not need.
 */
export function wantsTimeline({ outputs }: Pick<Experiment, "outputs">): boolean {
  return outputs.figures.some((figure) => figure.kind === "timeline");
}
