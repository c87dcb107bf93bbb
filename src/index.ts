/** What users of the package import: the router contract, and the simulator for programs of their own. */
export { z } from "zod";
export { UserError } from "./errors.ts";
export type {
  ClairvoyantView,
  ClairvoyantWorld,
  CompletionView,
  EndpointView,
  FleetChange,
  Planner,
  RequestView,
  ReturnReason,
  Router,
  RouterDefinition,
  RouterGroup,
  RouterHost,
  RouterStatus,
  SignalView,
  TelemetryView,
  World,
} from "./routers/contract.ts";
export { defineRouter } from "./routers/contract.ts";
export { type PlacingOptions, PlacingRouter } from "./routers/placing-router.ts";
export { createRouter, findRouter, listRouters } from "./routers/registry.ts";
