/** What users of the package import: the router contract, and experiments and the simulator for their own programs. */
export { z } from "zod";
export type { EpochState } from "./datacenter/epoch-state.ts";
export type { EpochPlanner, PlanBudget, PlannedPoint } from "./datacenter/simulate-epochs.ts";
export type { DatacenterWorld } from "./datacenter/world.ts";
export { UserError } from "./errors.ts";
export type { ExperimentResult, MetricSummary, ResultRow } from "./experiment/result.ts";
export type {
  ClairvoyantView,
  ClairvoyantWorld,
  CompletionView,
  EndpointView,
  FleetChange,
  LearningRouter,
  RequestView,
  ReturnReason,
  Router,
  RouterDefinition,
  RouterGroup,
  RouterHost,
  RouterStatus,
  RouterTraining,
  SignalView,
  TelemetryView,
  World,
} from "./routers/contract.ts";
export { defineRouter } from "./routers/contract.ts";
export { type PlacingOptions, PlacingRouter } from "./routers/placing-router.ts";
export {
  definePlanner,
  type PlannerContext,
  type PlannerDefinition,
} from "./routers/planner-contract.ts";
export { createRouter, findRouter, listRouters } from "./routers/registry.ts";
export { type RunExperimentOptions, runExperiment } from "./run-experiment.ts";
export type { Answers, RecordColumns, RecordSink, RunOptions, RunTotals } from "./simulator/options.ts";
export { simulate } from "./simulator/simulate.ts";
export type { FailedRun } from "./sweep/run-plans.ts";
