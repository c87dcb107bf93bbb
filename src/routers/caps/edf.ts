import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { pollSecondsParameter } from "./parameters.ts";
import { PullRouter } from "./pull-router.ts";

/** One queue by absolute deadline over all GPUs; the next free one takes its head (CAPS, section 5, Baselines). */
export class EdfRouter extends PullRouter {
  constructor(parameters: { readonly pollSeconds: number }) {
    super({ order: "edf", pollSeconds: parameters.pollSeconds });
  }

  protected override feeds(): readonly Int32Array[] {
    return [this.mixedEndpoints()];
  }

  protected override queueOf(_request: number): number {
    return 0;
  }
}

const parameters = z.strictObject({ pollSeconds: pollSecondsParameter });

export const edf = defineRouter({
  id: "edf",
  family: "caps",
  group: "baseline",
  status: "as specified",
  source: "CAPS, section 5, Baselines",
  summary: "One queue by deadline from which the next free GPU draws",
  parameters,
  create: (values: z.output<typeof parameters>) => new EdfRouter(values),
});
