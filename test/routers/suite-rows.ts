/** Fleet, signals and requests of the contract suite, for programs that run outside of the test runner too. */
import { Stream } from "../../src/numeric/random.ts";
import { affineLaw, type TraceRow, track } from "../oracle/build.ts";

const HIGH = 0;
const MED = 1;

/** Slow and fast large models, and a small one, two endpoints each, one region each; the last region is cleanest. */
export const suiteEndpoints = [2e-4, 2e-4, 1e-4, 1e-4, 3e-5, 3e-5].map((perPromptTokenSeconds, e) => {
  const region = Math.floor(e / 2);
  return {
    region,
    group: region,
    model: region === 2 ? 1 : 0,
    law: affineLaw({
      baseSeconds: 0.004,
      perPromptTokenSeconds,
      perSequenceSeconds: 0.0002,
      perContextTokenSeconds: 0,
      prefillWatts: 600 - 100 * region,
    }),
    usdPerReplicaHour: [10, 25, 8][region],
    roundTripSeconds: [0.01, 0.05, 0.09][region],
  };
});

export const suiteRegions = [
  { carbon: track([[0, 400]]), water: { siteLitresPerItKwh: 1.8, gridLitresPerKwh: 5 } },
  {
    carbon: track([
      [0, 350],
      [10, 250],
    ]),
    water: { siteLitresPerItKwh: 0.2, gridLitresPerKwh: 1 },
  },
  { carbon: track([[0, 80]]), water: { siteLitresPerItKwh: 1.8, gridLitresPerKwh: 2 } },
];

/**
 * 20 s of three tiers at 30 requests a second, at 90 from second 5 to 7; the strict tiers need the large model. A
 * third of the requests belongs to sessions. Every row names an endpoint that may serve it, for `replay`.
 */
export function suiteRows(seed: number): TraceRow[] {
  const random = new Stream(seed, "contract suite");
  const difficulties = new Stream(seed, "contract suite/difficulty");
  const rows: TraceRow[] = [];
  for (let at = 0; at < 20; at += random.exponential() / (at >= 5 && at < 7 ? 90 : 30)) {
    const tier = random.choice([0.3, 0.3, 0.4]);
    const needsLarge = tier === HIGH || tier === MED;
    const prompt = Math.min(8000, Math.ceil(random.logNormal(6, 1)));
    rows.push({
      arrival: at,
      prompt,
      // Long prompts are harder, so that there is something to learn.
      difficulty: 0.8 * (Math.log(prompt) - 6) + 0.6 * difficulties.normal(),
      output: Math.min(400, Math.ceil(random.logNormal(4, 0.8))),
      tier,
      needsLarge,
      session: random.uniform() < 0.33 ? random.below(20) : -1,
      endpoint: `e${random.below(needsLarge ? 4 : 6)}`,
    });
  }
  return rows;
}
