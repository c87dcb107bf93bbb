import { z } from "zod";
import { defineRouter } from "../contract.ts";
import { LeastLoadedRouter } from "./least-loaded.ts";
import { retrySecondsParameter } from "./parameters.ts";

const parameters = z.strictObject({ retrySeconds: retrySecondsParameter });

export const shortestQueue = defineRouter({
  id: "shortest-queue",
  family: "production",
  group: "baseline",
  status: "ours",
  source: "Join the shortest queue, counted in tokens as in Splitwise's cluster scheduler",
  summary: "The endpoint with the fewest outstanding tokens, waiting and running",
  parameters,
  create: ({ retrySeconds }: z.output<typeof parameters>) =>
    new LeastLoadedRouter({ by: "tokens", retrySeconds }),
});
