/** The statistics in one place: what experiments and reports import. */

export {
  type BootstrapInterval,
  type BootstrapMethod,
  type BootstrapOptions,
  bootstrap,
  bootstrapMean,
  type IndexedStatistic,
  pairedDifference,
  pairedRatio,
} from "./bootstrap.ts";
export { sumOf } from "./compensated-sum.ts";
export { mean, sampleStd, sampleVariance } from "./descriptive.ts";
export {
  holm,
  type MannWhitneyTest,
  mannWhitney,
  type StudentDesign,
  type StudentTest,
  studentInterval,
  studentTest,
} from "./hypothesis.ts";
export { cliffsDelta, kendallTau, ranks } from "./rank.ts";
