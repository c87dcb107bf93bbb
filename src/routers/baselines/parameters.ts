import { z } from "zod";

/** Shared by every router that places at once and tries again what nobody took. */
export const retrySecondsParameter = z
  .number()
  .positive()
  .default(0.1)
  .describe("Seconds between two tries at requests that no endpoint took");
